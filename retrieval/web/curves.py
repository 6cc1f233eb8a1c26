"""Training curves as lines of an SVG: each figure of the run scaled to the height of the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 480, 120
# Loss first, then the score that validation gives; the parts of a loss would only crowd the picture.
SHOWN = ("loss", "score")


@dataclass(frozen=True)
class Curve:
    """One figure over the steps: its name, the points as SVG wants them, and its last and best value."""

    name: str
    points: str
    last: float
    low: float
    high: float


def curves(points: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """Turn a run's points ({"step", "values": {name: number}}) into curves; a figure with one point has no line yet."""
    drawn = [_curve(name, _series(points, name)) for name in SHOWN]
    return [curve for curve in drawn if curve is not None]


def _series(points: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    found = [(int(point["step"]), point["values"].get(name)) for point in points]
    return [(step, float(value)) for step, value in found if value is not None and math.isfinite(value)]


def _curve(name: str, series: list[tuple[int, float]]) -> Curve | None:
    if len(series) < 2:
        return None
    steps, values = zip(*series, strict=True)
    low, high = min(values), max(values)
    across, up = max(steps) - min(steps) or 1, high - low or 1
    places = [
        f"{(step - min(steps)) / across * WIDTH:.1f},{HEIGHT - (value - low) / up * HEIGHT:.1f}"
        for step, value in series
    ]
    return Curve(name, " ".join(places), values[-1], low, high)
