"""Smoothing by neighbours, against a slow literal version."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching import neighbourhood
from retrieval.matching.neighbourhood import most_like, of_gallery, of_queries


def units(count, *, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def literal(vector, others):
    """The vector with its three most like, each weighed by the cube of the cosine, of length one."""
    total = [float(number) for number in vector]
    for other in sorted(others, key=lambda each: -float(vector @ each))[:3]:
        weight = max(0.0, float(vector @ other)) ** 3
        total = [number + weight * float(more) for number, more in zip(total, other, strict=True)]
    length = sum(number * number for number in total) ** 0.5
    return [number / length for number in total]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_each_is_smoothed_by_its_three_most_like(monkeypatch, count):
    monkeypatch.setattr(neighbourhood, "AT_ONCE", 4)
    gallery, queries = units(count, seed=1), units(6, seed=2)
    assert of_gallery(gallery).shape == gallery.shape
    for place, found in enumerate(of_gallery(gallery)):
        assert found == pytest.approx(literal(gallery[place], np.delete(gallery, place, axis=0)), abs=1e-6)
    for query, found in zip(queries, of_queries(queries, gallery), strict=True):
        assert found == pytest.approx(literal(query, list(gallery)), abs=1e-6)


def test_what_points_away_moves_nothing_and_equals_stand_by_their_place():
    vector = units(1, seed=3)
    assert of_queries(vector, -vector) == pytest.approx(vector)
    near = most_like(vector, np.repeat(vector, 5, axis=0), own=np.array([1]))
    assert near.places.tolist() == [[0, 2, 3]]


def test_what_is_not_there_is_marked():
    near = most_like(units(1, seed=4), units(2, seed=5))
    assert near.places[0, 2] == -1
    assert near.cosines[0, 2] == -np.inf
    assert (near.places[0, :2] >= 0).all()
