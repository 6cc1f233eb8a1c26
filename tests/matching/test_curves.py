"""Curves: read between knots, the tail as counted, and isotonic regression against its definition."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching.curves import Curve, Tail, falling

STEPS = 30  # of the grid that is searched: 324,632 sequences


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
    """Against a search of all falling sequences over a grid."""
    generator = np.random.default_rng(3)
    right, weights = generator.random(5) < 0.5, generator.integers(1, 4, 5).astype(float)
    rising = np.array(list(combinations_with_replacement(range(STEPS + 1), 5))) / STEPS
    sequences = rising[:, ::-1]
    best = sequences[(weights * np.square(sequences - right)).sum(1).argmin()]
    curve = falling(np.arange(5.0), right, weights=weights)
    assert curve.at(np.arange(5.0)) == pytest.approx(best, abs=1 / STEPS)
