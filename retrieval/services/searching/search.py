"""Searching: from pictures, parts of them or words to the most similar pictures that the person may see."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import telemetry
from retrieval.embedding import word_query
from retrieval.ingest import Decoded, Region
from retrieval.matching import Band, Box, Judgement, Match, likely_parts
from retrieval.models import Image
from retrieval.search import IndexUse, QueryVector, Question, Ranked, fusion, group_sizes
from retrieval.services.searching import by_regions, further, reading, same, variety, verdicts, written
from retrieval.services.searching.meaning import Meaning
from retrieval.services.searching.query_pictures import encoded
from retrieval.services.searching.search_request import SearchRequest
from retrieval.services.searching.timing import Stopwatch, Took
from retrieval.services.searching.variety import Shares
from retrieval.services.searching.verdicts import Judge, Verdict

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

__all__ = ["Found", "Region", "SearchAnswer", "SearchRequest", "Took", "among_others", "run", "similar"]

Pixels = NDArray[np.uint8]
FoundBy = Mapping[UUID, tuple[str, ...]]


@dataclass(frozen=True)
class Found:
    """One picture found; ``rank`` counts from 1, ``distance`` is the measure's own, ``score`` is for people.

    ``found_by``: by its ``look``, by the ``meaning`` of words, by the ``words`` written about it, or read from it
    (``ocr``). ``verdict`` is None where nothing tells what such a score means. ``region`` is the part that was found,
    None for the whole.
    """

    rank: int
    distance: float
    score: float
    image: Image
    found_by: tuple[str, ...]
    verdict: Verdict | None = None
    judgement: Judgement | None = None
    group_size: int | None = None
    region: Box | None = None


@dataclass(frozen=True)
class SearchAnswer:
    """What was found, how, and among how many.

    ``candidates`` is exact unless a filter on the pictures leaves more than an exact search takes; then it is one more
    than that, and means "at least". ``calibrated``: the hits have verdicts. ``match`` is there with them, but for what
    comes after an offset. ``regions``: parts of the pictures were compared, too. ``concepts`` is what the words were
    taken for, ``unknown`` those whose meaning is not known; ``knows_words``: the encoder has a word table.
    """

    query_kind: str
    region: Region | None
    encoder: str
    trained: bool
    measure: str
    exact: bool
    candidates: int
    took: Took
    hits: list[Found]
    calibrated: bool = False
    match: Match | None = None
    concepts: tuple[word_query.Concept, ...] = ()
    unknown: tuple[str, ...] = ()
    knows_words: bool = False
    mode: str = "alike"
    compared: int | None = None
    expand: bool = False
    regions: bool = False
    index: IndexUse | None = None
    receipt: UUID | None = None

    @property
    def shares(self) -> Shares:
        """The most frequent tags and groups among them."""
        return variety.shares([hit.image for hit in self.hits])


def run(request: SearchRequest, *, user: Viewer, address: str = "") -> SearchAnswer:
    """Answer a search. Query pictures are decoded and encoded, and not kept; stored ones are asked by their vectors.

    ``address`` tells visitors apart, each of whom has a share of the decoders. Raises InvalidInput naming the field;
    Forbidden for a chosen encoder without the right;
    NotFound for a picture or collection that is not there or not visible; Conflict (image_pending, image_failed) for a
    stored picture without a vector; Unavailable without an encoder or in time; what decoding and the encoder raise.
    """
    watch = Stopwatch()
    read = reading.read(request, user=user, address=address, watch=watch)
    question, said = by_regions.asked(read.question, request, user=user), read.said
    judge = verdicts.judge_of(question, request, pictures=read.pictures, fresh=read.fresh, said=said)
    asked = _in_detail(request, question=question, fresh=read.fresh, watch=watch)
    with watch.part("search"):
        ask = _ranker(request, look=read.look, said=said, user=user)
        ranked, found_by = variety.varied(asked.shortlist if asked else question, ask, diversity=request.diversity)
        details = same.verified(asked, ranked.hits, user=user) if asked else same.Details(ranked.hits[: request.k])
        found_by = written.told(found_by, details.hits, words=question.filters.words)
        found = _with_group_sizes(_rows(details, found_by, user=user, first=request.offset + 1), question, user=user)
        hits, match = _judged(found, ranked, judge=judge, request=request)
    telemetry.searched(request.kind, seconds=watch.took().total / 1000)
    return SearchAnswer(
        request.kind, request.region, question.encoder.name, question.encoder.trained, question.measure.value,
        index=ranked.index, exact=ranked.exact, candidates=ranked.candidates, hits=hits,
        regions=question.regions, took=watch.took(),
        calibrated=judge is not None, match=match, mode=request.mode, compared=details.compared, expand=request.expand,
        concepts=said.understood.concepts, unknown=said.understood.unknown, knows_words=said.known,
    )  # fmt: skip


def among_others(image: Image, *, user: Viewer, k: int) -> SearchAnswer:
    """Return the most similar pictures; of a medical one those of other patients, one for each.

    Raises what ``run`` raises.
    """
    others, own = image.of_patient, (image.pk,)
    return run(SearchRequest(images=own, k=k, exclude=own, group=others, exclude_group=others), user=user)


def similar(
    image_id: UUID,
    *,
    user: Viewer,
    k: int = 24,
    measure: str | None = None,
    collections: tuple[UUID, ...] | None = None,
) -> SearchAnswer:
    """Return the pictures most similar to a stored one, without itself. Raises what ``run`` raises."""
    request = SearchRequest(images=(image_id,), k=k, measure=measure, collections=collections, exclude=(image_id,))
    return run(request, user=user)


def _ranked(question: Question, *, look: QueryVector | None, said: Meaning, user: Viewer) -> tuple[Ranked, FoundBy]:
    """Rank by look, by meaning, by words, or by the last two together, and tell by which each was found."""
    if look is None and question.vector is not None:
        return fusion.fused(question, user=user)
    steered = said.understood.wanted is not None or said.understood.avoided is not None
    kinds = {"look": look is not None, fusion.MEANING: steered, fusion.WORDS: question.filters.words is not None}
    ranked = by_regions.ranked(question, user=user)
    found_by = tuple(kind for kind, held in kinds.items() if held)
    return ranked, {hit.image_id: found_by for hit in ranked.hits}


def _ranker(
    request: SearchRequest, *, look: QueryVector | None, said: Meaning, user: Viewer
) -> Callable[[Question], tuple[Ranked, FoundBy]]:
    """What ranks a question: as it is, or by a query that looks further, which finds by look alone."""
    if request.expand:
        return lambda question: (further.ranked(question, asked_with=request.wanted, user=user), {})
    return functools.partial(_ranked, look=look, said=said, user=user)


def _in_detail(
    request: SearchRequest, *, question: Question, fresh: Sequence[Decoded], watch: Stopwatch
) -> same.Asked | None:
    """What is compared in detail; None when nobody asks for that."""
    if request.mode != "same" or not fresh:
        return None
    (only,) = fresh
    with watch.part("encode"):
        parts = encoded([box.cut(only.pixels) for box in likely_parts(only.pixels)], encoder=question.encoder)
    return same.Asked(request, question, parts, only)


def _judged(
    found: list[Found], ranked: Ranked, *, judge: Judge | None, request: SearchRequest
) -> tuple[list[Found], Match | None]:
    """The hits with their verdicts, those below the least band left out, and what all of them amount to."""
    if judge is None:
        return found, None
    said = judge.verdicts([(hit.score, hit.image) for hit in found], candidates=ranked.candidates)
    said = [same.band_of(hit.judgement, verdict) for hit, verdict in zip(found, said, strict=True)]
    told = request.kind == "text" and any({fusion.WORDS, written.OCR} & {*hit.found_by} for hit in found)
    match = None if request.offset else same.match_of(judge.match(said, ranked.first), details=found, written=told)
    judged = [replace(hit, verdict=verdict) for hit, verdict in zip(found, said, strict=True)]
    least = Band(request.min_band or Band.WEAK)
    return [hit for hit, verdict in zip(judged, said, strict=True) if verdict.band.place <= least.place], match


def _with_group_sizes(found: list[Found], question: Question, *, user: Viewer) -> list[Found]:
    """The hits with how many there are of the group of each, where one of each group was asked for."""
    if not question.group or not found:
        return found
    by_look = question if question.vector is None else replace(question, filters=replace(question.filters, words=None))
    sizes = group_sizes(by_look, [hit.image.pk for hit in found], user=user)
    return [replace(hit, group_size=sizes.get(hit.image.pk, 1)) for hit in found]


def _rows(details: same.Details, found_by: FoundBy, *, user: Viewer, first: int) -> list[Found]:
    """The pictures of the hits, order kept; one that was hidden or deleted this very moment is left out."""
    images = Image.objects.visible_to(user).defer("words").in_bulk([hit.image_id for hit in details.hits])
    return [
        Found(
            rank, hit.distance, hit.score, images[hit.image_id], found_by.get(hit.image_id, ("look",)),
            judgement=details.judgements.get(hit.image_id), region=by_regions.box(hit, images[hit.image_id]),
        )
        for rank, hit in enumerate(details.hits, first)
        if hit.image_id in images
    ]  # fmt: skip
