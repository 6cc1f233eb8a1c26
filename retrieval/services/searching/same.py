"""Whether what was found is the same: a shortlist by vector, compared in detail, verified ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from retrieval.ingest import Decoded, Region, fingerprint
from retrieval.matching import (
    SHORTLIST,
    SHORTLIST_OF_A_PART,
    Band,
    Judgement,
    Match,
    QueryPicture,
    Side,
    Verdict,
    compare,
    local_features,
    same_file,
)
from retrieval.models import Image, ImageFeatures
from retrieval.search import Hit, QueryVector, Question, nearest
from retrieval.services.searching.search_request import SearchRequest
from retrieval.services.searching.verdicts import Verdict as ByScore

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

ORDER = {Verdict.SAME_FILE: 0, Verdict.SAME_IMAGE: 1, Verdict.SAME_THING: 2}


class Verified(Protocol):
    """A hit with what its details tell, None where nothing."""

    @property
    def judgement(self) -> Judgement | None:
        """What was found."""


@dataclass(frozen=True)
class Asked:
    """What is looked for: by vector, by vectors of the query's ``parts``, and in detail.

    ``request`` is what a person asked, ``question`` the same by the vector of the whole query.
    """

    request: SearchRequest
    question: Question
    parts: Sequence[QueryVector]
    decoded: Decoded

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of what is asked with, as it came."""
        return size_of(self.decoded, self.request.region)

    @property
    def shortlist(self) -> Question:
        """What is asked first: the nearest to the whole query."""
        return replace(self.question, k=SHORTLIST, offset=0)


@dataclass(frozen=True)
class Details:
    """Hits in their order; how many could be ``compared``, None when nobody asked; what was found of which."""

    hits: list[Hit]
    compared: int | None = None
    judgements: Mapping[UUID, Judgement] = field(default_factory=dict)


def size_of(decoded: Decoded, region: Region | None) -> tuple[int, int]:
    """Width and height in pixels of a picture, or of the part that was decoded, at its own size."""
    wide, high = (region.w, region.h) if region else (1.0, 1.0)
    return max(1, round(wide * decoded.width)), max(1, round(high * decoded.height))


def verified(asked: Asked, shortlist: Sequence[Hit], *, user: Viewer) -> Details:
    """Put the verified ones of the shortlist first, then the rest of it by vector.

    What only a part of the query brought in is left out unless it is verified. There is nothing after the shortlist.
    """
    brought = _by_parts(asked, {hit.image_id for hit in shortlist}, user=user)
    compared, judgements = _judged(asked, [hit.image_id for hit in (*shortlist, *brought)])
    hits = [*shortlist, *(hit for hit in brought if hit.image_id in judgements)]
    hits.sort(key=lambda hit: _place(judgements.get(hit.image_id)))
    first = asked.request.offset
    return Details(hits[first : first + asked.request.k], compared, judgements)


def band_of(judgement: Judgement | None, verdict: ByScore) -> ByScore:
    """What a score tells, unless the details tell that it is the same picture."""
    if judgement is None or judgement.verdict == Verdict.SAME_THING:
        return verdict
    return replace(verdict, band=Band(judgement.verdict.value))


def match_of(match: Match, *, details: Iterable[Verified], written: bool) -> Match:
    """What the answer amounts to: never nothing where details agree, or where the words asked for are ``written``."""
    agree = any(hit.judgement for hit in details)
    if match != Match.NONE:
        return match
    return Match.LIKELY if agree else Match.POSSIBLE if written else match


def _by_parts(asked: Asked, known: set[UUID], *, user: Viewer) -> list[Hit]:
    """The nearest to the parts that are not known yet, with their distances to the whole query."""
    question = replace(asked.question, k=SHORTLIST_OF_A_PART, offset=0, min_score=None)
    lists = [nearest(replace(question, vector=part), user=user).hits for part in asked.parts]
    ids = {hit.image_id for hits in lists for hit in hits} - known
    if not ids:
        return []
    only = replace(question.filters, only=tuple(ids))
    return nearest(replace(asked.question, filters=only, k=len(ids), offset=0), user=user).hits


def _judged(asked: Asked, ids: Sequence[UUID]) -> tuple[int, dict[UUID, Judgement]]:
    """Compare with each of these whose collection keeps local features; how many that were, and what was found."""
    query = QueryPicture.of(asked.decoded.pixels, size=asked.size)
    rows = ImageFeatures.objects.filter(image__in=ids, image__collection__local_features=True)
    packed = dict(rows.values_list("image_id", "packed"))
    judgements: dict[UUID, Judgement] = {}
    own = _digest(asked.request)
    for image in Image.objects.filter(pk__in=ids).only("sha256", "page", "width", "height"):
        size = (image.width, image.height)
        found = same_file() if image.content == own else _compared(query, packed.get(image.pk), size=size)
        if found:
            judgements[image.pk] = found
    return len(packed), judgements


def _digest(request: SearchRequest) -> str | None:
    """The digest of the query's whole file; None for a part of it."""
    if request.region is not None:
        return None
    if request.file is not None:
        return fingerprint.sha256(request.file)
    return Image.objects.only("sha256", "page").get(pk=request.wanted[0]).content


def _compared(query: QueryPicture, packed: bytes | memoryview | None, *, size: tuple[int, int]) -> Judgement | None:
    if packed is None:
        return None
    return compare(query, Side(local_features.unpack(bytes(packed)), size))


def _place(judgement: Judgement | None) -> tuple[int, int]:
    """Sorts by verdict, then by how many details agree; the rest keeps its order by vector."""
    return (ORDER[judgement.verdict], -judgement.matches) if judgement else (len(ORDER), 0)
