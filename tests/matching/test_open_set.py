"""Closeness and how well hopeless queries are refused, against slow literal versions."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching.open_set import all_closeness, closeness, refusals


def units(count: int, *, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_closeness_is_the_mean_cosine_over_the_length_of_the_mean():
    query, near = units(1, seed=0)[0], units(5, seed=1)
    mean = sum(near) / 5
    assert closeness(query, near) == pytest.approx(sum(query @ each for each in near) / 5 / np.sqrt(mean @ mean))


def test_closeness_is_nothing_without_neighbours_or_a_middle():
    query = units(1, seed=0)[0]
    assert closeness(query, np.empty((0, 8))) == 0
    assert closeness(query, np.stack([query, -query])) == 0


def test_hidden_pictures_are_nobodys_neighbours():
    gallery = units(12, seed=2)
    found = all_closeness(gallery, gallery, hidden=np.eye(12, dtype=bool))
    for number, query in enumerate(gallery):
        others = np.delete(gallery, number, axis=0)
        nearest = others[np.argsort(-(others @ query))[:5]]
        assert found[number] == pytest.approx(closeness(query, nearest), abs=1e-6)


def test_refusals_are_counted_as_they_are_defined():
    generator = np.random.default_rng(4)
    hopeful, hopeless = generator.normal(1, 1, 200).round(1), generator.normal(0, 1, 150).round(1)
    found = refusals(hopeful, hopeless, nothing_below=0.3)
    wins = sum((low < high) + (low == high) / 2 for low in hopeless for high in hopeful)
    assert found.auc == pytest.approx(wins / 200 / 150)
    assert found.seen == pytest.approx((hopeless < np.quantile(hopeful, 0.05)).mean())
    assert (found.false_alarms, found.refused) == ((hopeful < 0.3).mean(), (hopeless < 0.3).mean())
    assert refusals(hopeful, hopeless).refused is None
