"""Two encoders' answers to one search beside each other: which pictures are in both, and where in the other one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.errors import InvalidInput
from retrieval.models import Encoder, EncoderState
from retrieval.services.encoders import encoders
from retrieval.services.people import rights
from retrieval.services.searching import search
from retrieval.services.searching.search import Found, SearchAnswer, SearchRequest

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

DEPTHS = (10, 24)
SHOWN = max(DEPTHS)


@dataclass(frozen=True)
class Place:
    """A picture in one answer, and its rank in the other; None where that has it not among those shown."""

    hit: Found
    there: int | None


@dataclass(frozen=True)
class Beside:
    """The active encoder's answer, and another one's to the same search."""

    active: SearchAnswer
    other: SearchAnswer

    @property
    def columns(self) -> list[tuple[SearchAnswer, list[Place]]]:
        """Each answer with its pictures, nearest first."""
        answers = (self.active, self.other)
        return [
            (one, [Place(hit, ranks.get(hit.image.pk)) for hit in one.hits])
            for one, ranks in zip(answers, map(_ranks, reversed(answers)), strict=True)
        ]

    @property
    def overlaps(self) -> list[tuple[int, int]]:
        """How many pictures are in both, of how many: of the first 10 and 24, or of all where there are fewer."""
        longest = max(len(self.active.hits), len(self.other.hits))
        depths = sorted({min(depth, longest) for depth in DEPTHS} - {0})
        one, other = _ranks(self.active), _ranks(self.other)
        return [(sum(max(one[key], other[key]) <= depth for key in one.keys() & other), depth) for depth in depths]


def choices(*, user: Viewer) -> list[Encoder]:
    """Return what can be set beside the active encoder, newest first: all that is built. Raises Forbidden."""
    rights.require_administrator(user, to="compare encoders")
    rows = encoders.listing(seen_by=user).filter(state__in=[EncoderState.BUILDING, EncoderState.RETIRED])
    return [row for row, standing in encoders.with_standing(rows, seen_by=user) if standing != EncoderState.BUILDING]


def run(request: SearchRequest, *, other: str, user: Viewer, address: str = "") -> Beside:
    """Ask the active encoder and another one the same, for the first 24.

    Raises Forbidden, InvalidInput (beside) for one that is not among the choices, and what ``search.run`` raises.
    """
    if other not in {row.name for row in choices(user=user)}:
        raise InvalidInput.of("beside", "There is no other encoder of this name that is built.")
    wanted = replace(request, k=SHOWN, offset=0)
    active, second = (
        search.run(replace(wanted, encoder=name), user=user, address=address) for name in (request.encoder, other)
    )
    return Beside(active, second)


def _ranks(answer: SearchAnswer) -> dict[UUID, int]:
    return {hit.image.pk: hit.rank for hit in answer.hits}
