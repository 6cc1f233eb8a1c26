"""Exemplar LDA against its formula, and moments that add up."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching.exemplar import Exemplar, Moments

VECTORS = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


def test_moments_of_parts_add_up_to_those_of_the_whole():
    parts = Moments.of(VECTORS[:25]) + Moments.of(VECTORS[25:])
    whole = Moments.of(VECTORS)
    assert parts.count == whole.count == 60
    assert parts.total == pytest.approx(whole.total)
    assert parts.products == pytest.approx(whole.products)


def test_directions_follow_the_formula():
    mean, covariance = VECTORS.mean(axis=0), np.cov(VECTORS.T, bias=True)
    ridge = 7 * np.trace(covariance) / 6 * np.eye(6)
    found = Exemplar.of(Moments.of(VECTORS), ridge=7).directions(VECTORS[:3])
    for query, direction in zip(VECTORS, found, strict=False):
        moved = np.linalg.solve(covariance + ridge, query - mean)
        assert direction == pytest.approx(moved / np.linalg.norm(moved), abs=1e-5)


@pytest.mark.parametrize("vectors", [VECTORS[:0], VECTORS[:1], np.repeat(VECTORS[:1], 5, axis=0)])
def test_without_spread_queries_stay_what_they_are(vectors):
    query = VECTORS[:1] / np.linalg.norm(VECTORS[0])
    assert Exemplar.of(Moments.of(vectors)).directions(query) == pytest.approx(query, abs=1e-6)
