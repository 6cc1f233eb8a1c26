"""Where the grid changes band or verdict: the words that stand there, and how many hits are likely or verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.matching import Band, Verdict
from retrieval.services.searching.search import Found, SearchAnswer

ONLY_ALIKE = "only_alike"
HEADINGS = tuple(dict.fromkeys([*(band.value for band in Band), *(verdict.value for verdict in Verdict), ONLY_ALIKE]))


@dataclass(frozen=True)
class Shown:
    """One hit of the grid; ``begins`` is the heading that stands before it, empty where the one before goes on."""

    hit: Found
    begins: str = ""


def heading(hit: Found, *, answer: SearchAnswer) -> str:
    """Return what a hit stands under: its verdict where details were compared, else its band.

    Empty without one, and where hits are not sorted by it: the search looked further, or found by words.
    """
    if answer.expand or answer.query_kind == "text":
        return ""
    if answer.mode == "same":
        return hit.judgement.verdict.value if hit.judgement else ONLY_ALIKE
    return hit.verdict.band.value if hit.verdict else ""


def shown(answer: SearchAnswer, *, after: str = "", ordered: bool = True) -> Iterator[Shown]:
    """Mark the hits that begin a heading; ``after`` is that of the last one that was shown before these.

    None does where they are not ``ordered`` by their scores.
    """
    if not ordered:
        yield from map(Shown, answer.hits)
        return
    for hit in answer.hits:
        here = heading(hit, answer=answer)
        yield Shown(hit, "" if here == after else here)
        after = here


def likely(hits: Sequence[Found]) -> int:
    """Count the hits that are likely right."""
    return sum(hit.verdict is not None and hit.verdict.band.place <= Band.VERY_ALIKE.place for hit in hits)


def verified(hits: Sequence[Found]) -> int:
    """Count the hits whose details agree with the query's."""
    return sum(hit.judgement is not None for hit in hits)
