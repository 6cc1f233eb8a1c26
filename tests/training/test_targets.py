"""Targets of one and of several teachers, and the map a student starts with, by formulas written out slowly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from retrieval.training.targets import RIDGE, nearest_map, put_whitening, whitened

DRAW = np.random.default_rng(7)
HIDDEN = DRAW.normal(size=(300, 4)) * [4, 2, 1, 0.5]


def seen(channels: int) -> np.ndarray:
    """What a teacher of so many channels makes of the same hidden things."""
    return (HIDDEN @ DRAW.normal(size=(4, channels)) + DRAW.normal(size=(300, channels)) / 10 + 3).astype(np.float32)


def literal_whitening(x, dimension, power):
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    order = np.argsort(values)[::-1][:dimension]
    return (x - mean) @ (vectors[:, order] * values[order] ** -power)


def similarities(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize("power", [0.0, 0.15, 0.5])
def test_several_teachers_count_alike_and_are_whitened_together(power):
    parts = [seen(6) * 100, seen(9)]
    joined = np.concatenate([[row / np.sqrt((row**2).sum()) for row in part.astype(np.float64)] for part in parts], 1)
    found, fitted = whitened(parts, dimension=4, power=power)
    expected = literal_whitening(joined, 4, power)
    np.testing.assert_allclose(similarities(found), similarities(expected), atol=1e-3)
    np.testing.assert_allclose((joined - fitted.mean) @ fitted.matrix.T, found, atol=1e-3 * np.abs(found).max())


def test_one_teacher_keeps_its_lengths():
    vectors = seen(6)
    found, _ = whitened([vectors], dimension=3, power=0.1)
    expected = literal_whitening(vectors.astype(np.float64), 3, 0.1)
    np.testing.assert_allclose(similarities(found), similarities(expected), atol=1e-3)


@pytest.mark.parametrize("copies", [1, 2])
def test_few_pictures_span_few_directions_and_the_rest_is_zero(copies):
    """Six pictures, each once or twice, are five directions about their mean; what is like what stays."""
    vectors = np.repeat(seen(40)[:6], copies, axis=0)
    found, fitted = whitened([vectors], dimension=16, power=0.0)
    assert found.shape == (6 * copies, 16)
    assert fitted.matrix.shape == (16, 40)
    assert not found[:, 5:].any()
    assert found[:, :5].any(axis=0).all()
    about_mean = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(similarities(found), similarities(about_mean), atol=1e-3)


def test_the_nearest_map_is_ridge_regression():
    vectors, targets = seen(7), seen(5)
    found = nearest_map(vectors, targets)
    x = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    y = np.array([row / np.sqrt((row**2).sum()) for row in targets.astype(np.float64)])
    penalty = RIDGE * len(x) * np.mean(x.var(axis=0))
    # The same minimum, as least squares of a longer system: penalty times the weights stands below the equations.
    longer = np.concatenate([x, np.sqrt(penalty) * np.eye(7)])
    weights, *_ = np.linalg.lstsq(longer, np.concatenate([y - y.mean(axis=0), np.zeros((7, 5))]), rcond=None)
    expected = x @ weights + y.mean(axis=0)
    np.testing.assert_allclose((vectors - found.mean) @ found.matrix.T, expected, atol=2e-3)


def test_a_projection_computes_the_map():
    vectors, targets = seen(7), seen(5)
    fitted, layer = nearest_map(vectors, targets), nn.Linear(7, 5)
    put_whitening(layer, fitted)
    with torch.no_grad():
        found = layer(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(found, (vectors - fitted.mean) @ fitted.matrix.T, atol=1e-4)
    with pytest.raises(TypeError, match="linear"):
        put_whitening(nn.Identity(), fitted)
