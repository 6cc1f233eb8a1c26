"""Intervals: centred on the mean, as wide as theory says, seeded, wider when whole groups vary together."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import bootstrap
from retrieval.evaluation.bootstrap import Bootstrap, Interval, intervals


def literal_interval(scores, units, how):
    """Draw units one by one, pool their queries, average, and cut the tails."""
    generator = np.random.default_rng(how.seed)
    names = sorted(set(units))
    pools = [scores[[i for i, unit in enumerate(units) if unit == name]] for name in names]
    means = []
    for _ in range(how.resamples):
        drawn = generator.integers(0, len(names), len(names))
        means.append(np.concatenate([pools[number] for number in drawn]).mean())
    return np.percentile(means, [100 * (1 - how.confidence) / 2, 100 * (1 + how.confidence) / 2])


@pytest.mark.parametrize("cells", [13, 4_000_000])
@pytest.mark.parametrize("grouped", [True, False])
def test_intervals_agree_with_drawing_one_by_one(monkeypatch, cells, grouped):
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", cells)
    generator, how = np.random.default_rng(0), Bootstrap(resamples=50, seed=4, confidence=0.9)
    scores = generator.random((12, 1))
    units = generator.integers(0, 5, 12) if grouped else np.arange(12)
    (found,) = intervals(scores, units=units if grouped else None, how=how)
    assert found.mean == pytest.approx(scores.mean())
    np.testing.assert_allclose([found.low, found.high], literal_interval(scores, units, how), rtol=1e-12)


def test_the_width_is_that_of_the_normal_approximation():
    scores = np.random.default_rng(1).normal(0.5, 0.1, (400, 1))
    (found,) = intervals(scores, how=Bootstrap(resamples=4000))
    assert found.high - found.low == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.05)


def test_pictures_of_one_unit_do_not_count_as_independent():
    scores = np.repeat(np.random.default_rng(2).random((20, 1)), 10, axis=0)
    (alone,) = intervals(scores)
    (together,) = intervals(scores, units=np.repeat(np.arange(20), 10))
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_seed_decides():
    scores = np.random.default_rng(3).random((30, 2))
    assert intervals(scores) == intervals(scores)
    assert intervals(scores) != intervals(scores, how=Bootstrap(seed=1))


def test_without_a_query_there_is_no_figure():
    with pytest.raises(InvalidInput) as raised:
        intervals(np.zeros((0, 1)))
    assert "labels" in raised.value.fields


def test_an_interval_reads_in_percent():
    assert str(Interval(0.8767, 0.861, 0.892)) == "87.7 [86.1, 89.2]"
