"""Queries by an encoder whose stored vectors are smoothed: each with those most like it of what the person may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from retrieval.matching import neighbourhood
from retrieval.models import Encoder
from retrieval.search import Filters, QueryVector, Question, nearest, stored

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def smoothed(
    queries: Sequence[QueryVector], *, encoder: Encoder, collections: tuple[UUID, ...] | None, user: Viewer
) -> list[QueryVector]:
    """Queries just encoded, as they are compared with the encoder's stored vectors; as they are where it smooths none.

    The neighbours are those among the pictures that the person may see in these collections, None for all, by their
    vectors before smoothing. Raises Unavailable as ``nearest``.
    """
    source = encoder.smooths
    if source is None:
        return list(queries)
    filters = Filters(collections=collections)
    return [_with_neighbours(Question(source, query, filters=filters), query, user=user) for query in queries]


def _with_neighbours(question: Question, query: QueryVector, *, user: Viewer) -> QueryVector:
    near = nearest(question, user=user).hits[: neighbourhood.NEIGHBOURS]
    found = stored.queries(question.encoder, [hit.image_id for hit in near])
    if not found:
        return query
    gallery = np.stack([each.unit for each in found.values()])
    return QueryVector.of(neighbourhood.of_queries(query.unit[None], gallery)[0], length=query.length)
