"""Lines of text that were read from a picture, and the order in which people read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TextLine:
    """What stands there, and the upright box around it in fractions of the upright picture; ``score`` is 0 to 1."""

    text: str
    x: float
    y: float
    w: float
    h: float
    score: float


def in_order(lines: Iterable[TextLine]) -> list[TextLine]:
    """Sort lines from top to bottom, and those side by side from left to right.

    A line is beside the first of a row when its middle is within that one's height.
    """
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.y + line.h / 2):
        first = rows[-1][0] if rows else None
        if first and line.y + line.h / 2 < first.y + first.h:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.x)]
