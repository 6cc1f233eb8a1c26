"""The Frechet distance against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.fidelity import frechet_distance

X = np.random.default_rng(0).normal(size=(500, 4)) * [1, 2, 3, 4]


def test_the_same_vectors_have_no_distance():
    assert frechet_distance(X, X) == pytest.approx(0, abs=1e-6)


def test_a_shift_counts_with_its_square():
    assert frechet_distance(X, X + np.array([1, 0, 2, 0])) == pytest.approx(5)


def test_in_one_direction_it_is_the_difference_of_the_spreads():
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    spread = np.cov(X, rowvar=False).trace()
    assert frechet_distance(X @ rotation, 3 * X @ rotation) == pytest.approx(4 * spread + 4 * np.sum(X.mean(0) ** 2))
