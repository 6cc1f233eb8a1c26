"""Bands: in words how alike a hit is to its query, and what the best hits say of the whole answer."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

VERY_LIKELY, LIKELY = 0.75, 0.4


class Band(StrEnum):
    """How alike, the most first."""

    SAME_FILE = "same_file"
    SAME_IMAGE = "same_image"
    VERY_ALIKE = "very_alike"
    ALIKE = "alike"
    WEAK = "weak"

    @property
    def place(self) -> int:
        """0 for the same file, rising as likeness falls."""
        return list(Band).index(self)


class Match(StrEnum):
    """What an answer amounts to: the same picture, likely or possible matches, or nothing that really looks like it."""

    SAME = "same"
    LIKELY = "likely"
    POSSIBLE = "possible"
    NONE = "none"


def band(probability: float) -> Band:
    """The band of a hit that is right with this probability, apart from being the same picture.

    ``very_alike`` where at least three in four such hits are right, ``alike`` where at least two in five are.
    """
    if probability >= VERY_LIKELY:
        return Band.VERY_ALIKE
    return Band.ALIKE if probability >= LIKELY else Band.WEAK


def band_begins(band: Band) -> float:
    """The probability from which on a hit is of this band or a better one; 0 for ``weak``.

    What makes the same file or the same picture is no probability: they begin where ``very_alike`` does.
    """
    if band == Band.WEAK:
        return 0.0
    return LIKELY if band == Band.ALIKE else VERY_LIKELY


def match(bands: Sequence[Band], *, nothing: bool) -> Match:
    """The answer's word from the bands of its hits; ``nothing``: the best of them are no closer than strangers are."""
    best = min((each.place for each in bands), default=Band.WEAK.place)
    if best <= Band.SAME_IMAGE.place:
        return Match.SAME
    if nothing or not bands:
        return Match.NONE
    return Match.LIKELY if best == Band.VERY_ALIKE.place else Match.POSSIBLE
