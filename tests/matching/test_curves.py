"""Curves: read between knots, the tail as counted, and isotonic regression against its definition."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching.curves import Curve, Tail, falling


def test_a_curve_is_straight_between_its_knots_and_level_beyond():
    curve = Curve((0.0, 1.0), (10.0, 20.0))
    assert curve.at([-1.0, 0.25, 5.0]).tolist() == [10.0, 12.5, 20.0]


@pytest.mark.parametrize(("x", "y"), [((), ()), ((0.0,), (1.0, 2.0)), ((1.0, 1.0), (0.0, 0.0)), ((0.0,), (np.nan,))])
def test_a_curve_without_sense_is_refused(x, y):
    with pytest.raises(InvalidInput) as refused:
        Curve(x, y)
    assert "calibration" in refused.value.fields


def test_the_tail_says_which_share_scores_as_high():
    scores = np.random.default_rng(0).normal(0, 0.2, 400_000).clip(-1, 1)
    tail = Tail()
    for part in np.split(scores, 8):
        tail.add(part)
    curve = tail.curve()
    for score in (0.0, 0.2, 0.4, 0.6):
        assert 10 ** curve.at(score) == pytest.approx((scores >= score).mean(), rel=0.15)


def test_the_tail_goes_on_falling_beyond_what_was_seen():
    tail = Tail()
    tail.add(np.random.default_rng(0).normal(0, 0.1, 10_000))
    curve = tail.curve()
    assert curve.x[-1] == 1.0
    assert curve.at(1.0) < curve.at(0.6) < curve.at(0.4) < -3


def test_too_few_pairs_are_refused():
    tail = Tail()
    tail.add(np.zeros(99))
    with pytest.raises(InvalidInput):
        tail.curve()


def test_falling_is_the_nearest_falling_sequence():
    """Against all ways to divide the places into runs of one height each, which is the mean of the run."""
    generator = np.random.default_rng(3)
    for _ in range(20):
        right, weights = generator.random(6) < 0.5, generator.integers(1, 4, 6).astype(float)
        cuts = [where for count in range(6) for where in combinations(range(1, 6), count)]
        tried = [levels(right, weights, cut) for cut in cuts]
        falls = [heights for heights in tried if (np.diff(heights) <= 0).all()]
        best = min(falls, key=lambda heights: float((weights * np.square(heights - right)).sum()))
        curve = falling(np.arange(6.0), right, weights=weights)
        assert curve.at(np.arange(6.0)) == pytest.approx(best, abs=1e-9)


def levels(right, weights, cut):
    """The heights of runs that begin at the cuts: each the mean of what is right, by weight."""
    parts = zip(np.split(right, cut), np.split(weights, cut), strict=True)
    return np.concatenate([np.full(len(part), np.average(part, weights=each)) for part, each in parts])
