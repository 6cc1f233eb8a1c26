"""The nearest pictures by the best of their regions: those of the same scope as without, and compared exactly."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from retrieval.search import scope
from retrieval.search.query import FIRST, GROUP, Hit, Question, Ranked
from retrieval.search.sql import Sql, bounded, joined

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# Every vector of a picture in the place of its own one: the whole, and its regions where its collection keeps them.
VECTORS = """FROM (
    SELECT image_id, encoder_id, collection_id, vector, length, centred_length, 0 AS place FROM retrieval_embedding
    UNION ALL
    SELECT part.image_id, part.encoder_id, whole.collection_id, part.vector, part.length, part.centred_length, place
    FROM retrieval_regionembedding part JOIN retrieval_embedding whole USING (image_id, encoder_id)
    JOIN retrieval_collection home ON home.id = whole.collection_id AND home.regions
    WHERE place > 0
) retrieval_embedding """
PICTURES = "JOIN retrieval_image ON retrieval_image.id = image_id "


def nearest_by_regions(question: Question, *, user: Viewer) -> Ranked:
    """Return the ``k`` nearest pictures after ``offset``, each by the nearest of its regions or by the whole.

    Always exact; ``candidates`` are the pictures. Raises Unavailable (code search_timeout) when it takes the database
    longer than 5 s.
    """
    filters = question.filters
    if filters.near:
        filters = replace(filters, near=replace(filters.near, apart=True))
    with bounded() as asking:
        sought = scope.resolve(filters, encoder=question.encoder, user=user, asking=asking)
        rows = asking.rows(_best(question, where=sought.where, of_pictures=sought.of_pictures or question.group))
    hits = [Hit(image_id, distance, question.score(distance), region=place) for image_id, distance, place in rows]
    first = () if question.offset else tuple(hit.image_id for hit in hits[:FIRST])
    if (least := question.min_score) is not None:
        hits = list(takewhile(lambda hit: hit.score >= least, hits))
    return Ranked(hits, exact=True, candidates=sought.candidates, first=first)


def _best(question: Question, *, where: Sql, of_pictures: bool) -> Sql:
    """The best region of each picture, or of each group, nearest first, ties by id; the whole before its regions."""
    one = GROUP if question.group else "image_id"
    pictures = PICTURES if of_pictures else ""
    named = Sql(f"SELECT image_id, retrieval_embedding.place, {one} AS one, ")
    each = [named, question.distance, Sql(f" AS distance {VECTORS}{pictures}WHERE ")]
    best = Sql("SELECT DISTINCT ON (one) image_id, distance, place FROM (") + joined("", each) + where
    ordered = Sql(") each ORDER BY one, distance, image_id, place) ranked ORDER BY distance, image_id ")
    page = Sql("LIMIT %s OFFSET %s", (question.k, question.offset))
    return Sql("SELECT image_id, distance, place FROM (") + best + ordered + page
