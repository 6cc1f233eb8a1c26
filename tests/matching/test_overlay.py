"""The cosine of two pictures, divided among their places."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching.overlay import explain

DRAW = np.random.default_rng(1)
QUERY, RESULT = DRAW.normal(size=(2, 3, 4)).astype(np.float32), DRAW.normal(size=(3, 2, 4)).astype(np.float32)


def test_each_side_sums_to_the_cosine():
    found = explain(QUERY, RESULT)
    q, r = QUERY.sum((0, 1)), RESULT.sum((0, 1))
    cosine = float(q @ r / np.linalg.norm(q) / np.linalg.norm(r))
    assert found.cosine == pytest.approx(cosine, abs=1e-6)
    assert found.query.sum() == pytest.approx(cosine, abs=1e-6)
    assert found.result.sum() == pytest.approx(cosine, abs=1e-6)


def test_a_place_adds_what_its_pairs_add():
    found = explain(QUERY, RESULT)
    lengths = np.linalg.norm(QUERY.sum((0, 1))) * np.linalg.norm(RESULT.sum((0, 1)))
    for y in range(2):
        for x in range(3):
            pairs = sum(float(QUERY[y, x] @ RESULT[v, u]) for v in range(3) for u in range(2))
            assert found.query[y, x] == pytest.approx(pairs / lengths, abs=1e-5)


def test_a_vector_of_nothing_is_like_nothing():
    found = explain(np.zeros((1, 1, 4), np.float32), RESULT)
    assert (found.cosine, found.query.sum(), found.result.sum()) == (0, 0, 0)
