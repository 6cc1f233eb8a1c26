"""The cosine of two pictures, divided among their places."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching.overlay import explain, spread

DRAW = np.random.default_rng(1)
QUERY, RESULT = DRAW.normal(size=(2, 3, 4)).astype(np.float32), DRAW.normal(size=(2, 3, 4)).astype(np.float32)
TALL = DRAW.normal(size=(5, 2, 4)).astype(np.float32)


@pytest.mark.parametrize("result", [RESULT, TALL], ids=["one shape", "two shapes"])
def test_each_side_sums_to_the_cosine(result):
    found = explain(QUERY, result)
    q, r = QUERY.sum((0, 1)), result.sum((0, 1))
    cosine = float(q @ r / np.linalg.norm(q) / np.linalg.norm(r))
    assert found.cosine == pytest.approx(cosine, abs=1e-6)
    assert found.query.sum() == pytest.approx(cosine, abs=1e-6)
    assert found.result.sum() == pytest.approx(cosine, abs=1e-6)
    assert found.query.shape == found.result.shape == found.cells


def test_a_place_adds_what_its_pairs_add():
    found = explain(QUERY, RESULT)
    lengths = np.linalg.norm(QUERY.sum((0, 1))) * np.linalg.norm(RESULT.sum((0, 1)))
    for y in range(2):
        for x in range(3):
            pairs = sum(float(QUERY[y, x] @ RESULT[v, u]) for v in range(2) for u in range(3))
            assert found.query[y, x] == pytest.approx(pairs / lengths, abs=1e-5)
            pairs = sum(float(RESULT[y, x] @ QUERY[v, u]) for v in range(2) for u in range(3))
            assert found.result[y, x] == pytest.approx(pairs / lengths, abs=1e-5)


def test_a_finer_grid_divides_by_area():
    coarse = DRAW.normal(size=(2, 3))
    pixels = np.kron(coarse, np.ones((15, 10))) / 150  # 30 x 30
    slow = pixels.reshape(5, 6, 6, 5).sum(axis=(1, 3))
    np.testing.assert_allclose(spread(coarse, (5, 6)), slow, atol=1e-12)


def test_a_vector_of_nothing_is_like_nothing():
    found = explain(np.zeros((1, 1, 4), np.float32), RESULT)
    assert (found.cosine, found.query.sum(), found.result.sum()) == (0, 0, 0)
