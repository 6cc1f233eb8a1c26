"""Reading a search: from what was asked, with its pictures and words, to the question for the search room."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput, NotFound, Unavailable
from retrieval.ingest import Asker, Decoded, Part, sandbox
from retrieval.models import Collection, Encoder, EncoderState, Image, Measure
from retrieval.search import Filters, QueryVector, Question, vectors
from retrieval.services.people import askers, rights
from retrieval.services.searching import concepts, meaning, smoothing, verdicts
from retrieval.services.searching.meaning import Meaning
from retrieval.services.searching.query_pictures import encoded, original, vectors_of
from retrieval.services.searching.search_request import SearchRequest
from retrieval.services.searching.timing import Stopwatch

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Read:
    """A request as it was read: the question, and what else of the query tells of its hits."""

    question: Question
    said: Meaning
    look: QueryVector | None
    pictures: dict[UUID, Image]
    fresh: list[Decoded]


def read(request: SearchRequest, *, user: Viewer, address: str, watch: Stopwatch) -> Read:
    """Read a request.

    Raises InvalidInput, Forbidden, NotFound, Conflict, Unavailable, and what decoding and the encoder raise.
    """
    encoder = _encoder_for(request, user=user)
    said = meaning.of(request.text or "", request.negative_words, encoder=encoder)
    pictures = _visible_pictures(request, user)
    beside = None if request.kind == "concept" else request.concept
    near = concepts.narrowing(beside, user=user, encoder=encoder)
    filters = replace(_filters(request, pictures, user=user, said=said), near=near)
    fresh = _decoded(request, pictures, asker=functools.partial(askers.waiting, user, address=address), watch=watch)
    encode = functools.partial(_encoded, request, [each.pixels for each in fresh], encoder=encoder, user=user)
    shown = _vector(request, encode if fresh else None, encoder=encoder, watch=watch)
    look = shown
    if request.concept is not None and request.kind == "concept":
        taught = concepts.get(request.concept, user=user)
        look = concepts.direction(taught, user=user, encoder=encoder).query
    return Read(_question(request, encoder, look=look, filters=filters, said=said), said, look, pictures, fresh)


def question_of(request: SearchRequest, *, user: Viewer) -> Question:
    """What a search asks of the search room, for those who go on asking it. Raises as ``read``."""
    return read(request, user=user, address="", watch=Stopwatch()).question


def _question(
    request: SearchRequest, encoder: Encoder, *, look: QueryVector | None, filters: Filters, said: Meaning
) -> Question:
    """What the search room is asked: a few more than wanted where so few are, as the nearest decide on the match.

    Words that are understood steer the vector; others beside pictures narrow the search.
    """
    vector = meaning.steered(look, said, weight=request.text_weight)
    if vector is None and filters.words is None:
        raise InvalidInput.of("text", "Write at least one word to look for.")
    if look is not None and said.understood.wanted is not None:
        filters = replace(filters, words=None)
    by_meaning = (look is None and vector is not None) or request.kind == "concept"
    return Question(
        encoder, vector, measure=Measure.COSINE if by_meaning else Measure(request.measure or encoder.measure),
        filters=filters, k=max(request.k, verdicts.NEIGHBOURS), offset=request.offset, group=request.group,
        exact=request.exact, min_score=request.min_score,
    )  # fmt: skip


def _encoder_for(request: SearchRequest, *, user: Viewer) -> Encoder:
    """Check the request, and read the encoder once, so that an answer never mixes two."""
    request.check()
    if request.encoder is not None:
        return _named(request.encoder, user=user)
    encoder = Encoder.objects.active()
    if encoder is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    return encoder


def _named(name: str, *, user: Viewer) -> Encoder:
    """The encoder that an administrator asked for. Raises Forbidden, and InvalidInput for one without vectors."""
    rights.require_administrator(user, to="choose the encoder of a search")
    encoder = Encoder.objects.filter(name=name).exclude(state=EncoderState.DRAFT).first()
    if encoder is None:
        raise InvalidInput.of("encoder", "There is no encoder of this name that has been built.")
    return encoder


def _visible_pictures(request: SearchRequest, user: Viewer) -> dict[UUID, Image]:
    """The stored pictures of the query. Hidden and absent ones are refused in the same way."""
    ids = {*request.wanted, *request.negatives}
    found = Image.objects.visible_to(user).in_bulk(ids) if ids else {}
    if len(found) < len(ids):
        raise NotFound("There is no such picture.")
    return found


def _filters(request: SearchRequest, pictures: dict[UUID, Image], *, user: Viewer, said: Meaning) -> Filters:
    """What narrows the search. Raises NotFound for a collection that is hidden or absent."""
    asked = set(request.collections or ())
    if asked and Collection.objects.visible_to(user).filter(pk__in=asked).count() < len(asked):
        raise NotFound("There is no such collection.")
    groups = {pictures[pk].group_key for pk in request.wanted} - {""} if request.exclude_group else set()
    return Filters(
        collections=request.collections,
        tags=request.tags,
        words=said.words,
        exclude=request.exclude,
        exclude_groups=tuple(groups),
        groups=None if request.group_key is None else (request.group_key,),
        without=said.without,
    )


def _vector(
    request: SearchRequest, fresh: Callable[[], list[QueryVector]] | None, *, encoder: Encoder, watch: Stopwatch
) -> QueryVector | None:
    """The query of all pictures together, the decoded ones among them; None when none was given."""
    cut = request.region is not None and request.file is None
    wanted = vectors_of([] if cut else request.wanted, encoder=encoder)
    if fresh and (cut or request.files):
        with watch.part("encode"):
            wanted += fresh()
    return vectors.combine(wanted, negatives=vectors_of(request.negatives, encoder=encoder)) if wanted else None


def _encoded(
    request: SearchRequest, pictures: Sequence[Pixels], *, encoder: Encoder, user: Viewer
) -> list[QueryVector]:
    """The vectors of decoded pictures, as the stored ones are made."""
    found = encoded(pictures, encoder=encoder)
    return smoothing.smoothed(found, encoder=encoder, collections=request.collections, user=user)


def _decoded(
    request: SearchRequest, pictures: dict[UUID, Image], *, asker: Callable[[], Asker], watch: Stopwatch
) -> list[Decoded]:
    """The pictures that came along, or the stored one where its pixels are asked for; empty when there is neither."""
    if not request.files and request.region is None and request.mode != "same":
        return []
    with watch.part("decode"):
        if request.files:
            return [sandbox.query(each, region=request.region, asker=asker()) for each in request.files]
        image = pictures[request.wanted[0]]
        return [sandbox.query(original(image), region=request.region, part=Part.of(image), asker=asker())]
