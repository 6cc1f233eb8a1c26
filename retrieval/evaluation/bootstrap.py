"""How far a mean over queries may be off: percentile bootstrap intervals, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput

Scores = NDArray[np.float64]

CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds between which it most likely lies."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class Bootstrap:
    """How often to draw, with which seed, and which share of the draws the interval holds."""

    resamples: int = 1000
    seed: int = 0
    confidence: float = 0.95


def intervals(
    scores: Scores, *, units: NDArray[np.int64] | None = None, how: Bootstrap | None = None
) -> list[Interval]:
    """Mean of each column of ``scores`` (Q, M) with its percentile interval.

    Queries are drawn with replacement; with ``units`` (Q,) whole units are drawn instead (patients, products), since
    pictures of one unit do not vary freely (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8
    and 13). Queries share one gallery, so the interval speaks of other queries like these, not of another gallery.
    Raises InvalidInput without a query.
    """
    how = how or Bootstrap()
    if not len(scores):
        raise InvalidInput.of("labels", "No query could be judged; there is nothing to average.")
    sums, sizes = _by_unit(scores, units)
    edge = 100 * (1 - how.confidence) / 2
    low, high = np.percentile(_draws(sums, sizes, how), [edge, 100 - edge], axis=0)
    mean = scores.mean(axis=0)
    return [Interval(*map(float, figures)) for figures in zip(mean, low, high, strict=True)]


def _by_unit(scores: Scores, units: NDArray[np.int64] | None) -> tuple[Scores, Scores]:
    """Sum of the scores (U, M) and number of queries (U,) of each unit that is drawn as one."""
    if units is None:
        return scores, np.ones(len(scores))
    _, unit = np.unique(units, return_inverse=True)
    sums = np.zeros((int(unit.max()) + 1, scores.shape[1]))
    np.add.at(sums, unit, scores)
    return sums, np.bincount(unit).astype(np.float64)


def _draws(sums: Scores, sizes: Scores, how: Bootstrap) -> Scores:
    """Mean of each resample (B, M): how often a unit was drawn weighs its sum and its size."""
    generator, units = np.random.default_rng(how.seed), len(sums)
    step = max(1, CHUNK_CELLS // units)
    means = []
    for start in range(0, how.resamples, step):
        count = min(step, how.resamples - start)
        drawn = generator.integers(0, units, (count, units)) + units * np.arange(count)[:, None]
        weight = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)
        means.append(weight @ sums / (weight @ sizes)[:, None])
    return np.concatenate(means)
