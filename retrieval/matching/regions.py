"""The fixed regions of a picture that get vectors of their own: squares and bands of several sizes."""

from __future__ import annotations

import math

from retrieval.matching.parts import Box

SCALES = (1, 2, 3)
OVERLAP = 0.4  # of two neighbours, about
LONGEST = 3.0  # how much longer than wide a picture may be; of longer ones the regions are as long as of such a one


def boxes(width: int, height: int) -> list[Box]:
    """The regions of a picture of so many pixels, always in the same order; the whole picture is none of them.

    Squares as of R-MAC: at scale l of side 2 min(width, height) / (l + 1), evenly laid so that neighbours overlap by
    about OVERLAP (G. Tolias, R. Sicre, H. Jegou: Particular object retrieval with integral max-pooling, 2016).
    A square picture has 13, one of three to four 20, and none more than 49.
    """
    short = max(min(width, height), max(width, height) / LONGEST)
    found = []
    for scale in SCALES:
        side = 2 * short / (scale + 1)
        wide, high = min(1.0, side / width), min(1.0, side / height)
        found += [Box(x, y, wide, high) for y in _places(high, least=scale) for x in _places(wide, least=scale)]
    return [box for box in found if (box.w, box.h) != (1, 1)]


def _places(size: float, *, least: int) -> list[float]:
    """Where regions of this size begin along one side, both as shares of it: from its beginning to its end, evenly."""
    if size >= 1:
        return [0.0]
    number = max(least, math.ceil((1 - size) / (size * (1 - OVERLAP)) - 1e-9) + 1)
    return [(1 - size) * each / (number - 1) for each in range(number)]
