"""Where the grid changes band: the words that stand there, and how many hits are likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.matching import Band
from retrieval.services.searching.search import Found


@dataclass(frozen=True)
class Shown:
    """One hit of the grid; ``begins`` is the band whose words stand before it, empty within a band."""

    hit: Found
    begins: str = ""


def shown(hits: Sequence[Found], *, after: str = "") -> Iterator[Shown]:
    """Mark the hits that begin a band; ``after`` is the band of the last one that was shown before these."""
    for hit in hits:
        band = hit.verdict.band.value if hit.verdict else ""
        yield Shown(hit, "" if band == after else band)
        after = band


def likely(hits: Sequence[Found]) -> int:
    """Count the hits that are likely right."""
    return sum(hit.verdict is not None and hit.verdict.band.place <= Band.VERY_ALIKE.place for hit in hits)
