"""The curve of calibration of an encoder as places of an SVG, and as the rows of a table that says the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEFT, TOP, SIDE = 64, 12, 260  # of the square that is drawn in, in units of the SVG
BOX = f"0 0 {LEFT + SIDE + 28} {TOP + SIDE + 48}"
MARKS = (0, 25, 50, 75, 100)
SMALLEST, LARGEST = 3.0, 10.0  # radius of a dot; its area goes with the number of answers


@dataclass(frozen=True)
class Dot:
    """One tenth: where its dot lies and how large it is, as SVG wants them; in percent what was said and seen."""

    x: str
    y: str
    radius: str
    begins: int
    said: str
    seen: str
    count: int


@dataclass(frozen=True)
class Mark:
    """A line of the grid and its number, in percent; ``along`` from the left, ``up`` from the top."""

    percent: int
    along: int
    up: int


@dataclass(frozen=True)
class Drawing:
    """What the template draws; ``points`` joins the dots, ``answers`` counts all."""

    dots: Sequence[Dot]
    points: str
    answers: int


def drawing(tenths: Sequence[Mapping[str, Any]]) -> Drawing:
    """From what an evaluation keeps: {"said", "seen", "count"} of each tenth that has any."""
    most = max((each["count"] for each in tenths), default=1)
    dots = [_dot(each, most=most) for each in tenths]
    return Drawing(dots, " ".join(f"{dot.x},{dot.y}" for dot in dots), sum(dot.count for dot in dots))


def frame() -> dict[str, Any]:
    """What all of them are drawn in: the box of the SVG, the edges of the square, and the grid of both axes."""
    middle = {"middle": LEFT + SIDE // 2, "height": TOP + SIDE // 2}
    return {
        "box": BOX,
        "edges": {"left": LEFT, "right": LEFT + SIDE, "top": TOP, "bottom": TOP + SIDE, **middle},
        "marks": [Mark(percent, round(_along(percent / 100)), round(_up(percent / 100))) for percent in MARKS],
    }


def _dot(tenth: Mapping[str, Any], *, most: int) -> Dot:
    said, seen, count = tenth["said"], tenth["seen"], tenth["count"]
    radius = max(SMALLEST, LARGEST * math.sqrt(count / most))
    return Dot(
        x=f"{_along(said):.1f}",
        y=f"{_up(seen):.1f}",
        radius=f"{radius:.1f}",
        begins=10 * min(int(10 * said + 1e-9), 9),
        said=f"{100 * said:.1f}",
        seen=f"{100 * seen:.1f}",
        count=count,
    )


def _along(share: float) -> float:
    return LEFT + SIDE * share


def _up(share: float) -> float:
    return TOP + SIDE * (1 - share)
