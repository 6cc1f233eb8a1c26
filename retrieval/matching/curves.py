"""Monotone curves by their knots: read between them, fitted to yes and no, and to the tail of a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.errors import InvalidInput

Doubles = NDArray[np.float64]

CELLS_OF_CHANCE = 200
STEPS_PER_DECADE = 4
LEAST_ABOVE = 10  # pairs above a knot of the tail: a third of its height either way
LOW, HIGH, CELLS = -1.0, 1.0, 8192


@dataclass(frozen=True)
class Curve:
    """Knots: ``x`` rising, ``y`` at each; straight between two of them, level beyond the first and the last."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not self.x or not np.isfinite([*self.x, *self.y]).all():
            raise InvalidInput.of("calibration", "A curve needs as many finite heights as places.")
        if any(after <= before for before, after in zip(self.x, self.x[1:], strict=False)):
            raise InvalidInput.of("calibration", "The places of a curve must rise.")

    def at(self, places: ArrayLike) -> Doubles:
        """Heights at these places, of the same shape."""
        return np.asarray(np.interp(np.asarray(places, np.float64), self.x, self.y))


class Tail:
    """Counts scores from -1 to 1 a block at a time; any number of them takes the memory of one histogram."""

    def __init__(self) -> None:
        self._counts = np.zeros(CELLS, np.int64)

    def add(self, scores: NDArray[np.floating]) -> None:
        """Count these."""
        self._counts += np.histogram(np.clip(scores, LOW, HIGH), bins=CELLS, range=(LOW, HIGH))[0]

    def curve(self) -> Curve:
        """Score -> log10 of the share that scores as high or higher, from all of them down to what ten pairs show.

        Beyond, the tail goes on as straight as over its last decade, as the tail of most distributions does once
        logarithms are taken (extreme value theory; J. Pickands, 1975, with shape 0). Raises InvalidInput for too few.
        """
        total = int(self._counts.sum())
        if total < 10 * LEAST_ABOVE:
            raise InvalidInput.of("pictures", "There are too few pairs of unlike pictures to calibrate on.")
        steps = int(STEPS_PER_DECADE * np.log10(total / LEAST_ABOVE))
        heights = -np.arange(steps + 1) / STEPS_PER_DECADE
        above = np.cumsum(self._counts[::-1])[::-1] / total
        edges = np.linspace(LOW, HIGH, CELLS + 1)[:-1]
        # The highest score that still has this share above it.
        places = edges[np.array([np.flatnonzero(above >= 10**height * (1 - 1e-9))[-1] for height in heights])]
        return _continued(places, heights)


def _continued(places: Doubles, heights: Doubles) -> Curve:
    """The knots without repeats, and one at the highest score there is, on the line through the last decade."""
    keep = np.append(np.diff(places) > 0, True)
    places, heights = places[keep], heights[keep]
    if places[-1] < HIGH and len(places) > 1:
        first = max(0, len(places) - 1 - STEPS_PER_DECADE)
        slope = (heights[-1] - heights[first]) / (places[-1] - places[first])
        places = np.append(places, HIGH)
        heights = np.append(heights, heights[-1] + slope * (HIGH - places[-2]))
    return Curve(tuple(places.tolist()), tuple(heights.tolist()))


def falling(x: Doubles, right: NDArray[np.bool_], *, weights: Doubles) -> Curve:
    """Chance of yes as a curve that never rises with x (N,): isotonic regression by pooling adjacent violators.

    B. Zadrozny, C. Elkan: Transforming classifier scores into accurate multiclass probability estimates (2002). The
    places are put into CELLS_OF_CHANCE cells of equal weight first, each at its mean, so that the curve stays short.
    """
    order = np.argsort(x, kind="stable")
    x, right, weights = x[order], right[order], weights[order]
    cells = np.minimum((np.cumsum(weights) / weights.sum() * CELLS_OF_CHANCE).astype(int), CELLS_OF_CHANCE - 1)
    mass: Doubles = np.bincount(cells, weights, CELLS_OF_CHANCE).astype(np.float64)
    there = mass > 0
    mean = np.bincount(cells, weights * x, CELLS_OF_CHANCE)[there] / mass[there]
    share = np.bincount(cells, weights * right, CELLS_OF_CHANCE)[there] / mass[there]
    pooled = _pooled(share, mass[there])
    keep = np.append(np.diff(mean) > 0, True)
    return Curve(tuple(mean[keep].tolist()), tuple(pooled[keep].tolist()))


def _pooled(values: Doubles, mass: Doubles) -> Doubles:
    """The nearest falling sequence by weighted squares: neighbours that rise are put together until none does."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), mass.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] < block[0]:
            block = _merged([blocks.pop(), block])
        blocks.append(block)
    return np.repeat([value for value, _, _ in blocks], [count for _, _, count in blocks])


def _merged(blocks: Sequence[tuple[float, float, int]]) -> tuple[float, float, int]:
    mass = sum(weight for _, weight, _ in blocks)
    return sum(value * weight for value, weight, _ in blocks) / mass, mass, sum(count for _, _, count in blocks)
