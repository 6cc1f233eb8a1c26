"""The whitenings do what their formulas say, written out slowly."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from retrieval.embedding.whitening import (
    LEAST_SHRINKAGE,
    fit_pca_whitening,
    fit_supervised_whitening,
    shrinkage,
)
from retrieval.errors import InvalidInput

DRAW = np.random.default_rng(5)
X = (DRAW.normal(size=(200, 6)) * [9, 5, 3, 2, 1, 0.5] + 4).astype(np.float32)


def labelled(classes=6, each=8, channels=5):
    """Vectors whose labels differ in the last channels and whose pictures differ in the first."""
    labels = np.repeat(np.arange(classes), each)
    centres = DRAW.normal(size=(classes, channels)) * [0.1, 0.1, 1, 2, 3]
    return (centres[labels] + DRAW.normal(size=(len(labels), channels)) * [5, 3, 1, 0.5, 0.2]).astype(
        np.float32
    ), labels


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5])
def test_whitening_scales_each_direction_by_its_eigenvalue(power):
    fitted = fit_pca_whitening(X, dimension=4, power=power)
    spread = np.cov((X - fitted.mean) @ fitted.matrix.T, rowvar=False)
    values = sorted(np.linalg.eigvalsh(np.cov(X, rowvar=False)), reverse=True)[:4]
    np.testing.assert_allclose(spread, np.diag([value ** (1 - 2 * power) for value in values]), atol=1e-3 * values[0])


def literal_shrinkage(x):
    """Ledoit and Wolf's formula, one outer product after the other."""
    count, channels = x.shape
    covariance = sum(np.outer(row, row) for row in x) / count
    mean = sum(covariance[c, c] for c in range(channels)) / channels
    off = sum((covariance[i, j] - mean * (i == j)) ** 2 for i in range(channels) for j in range(channels)) / channels
    error = sum(((np.outer(row, row) - covariance) ** 2).sum() / channels for row in x) / count**2
    return min(error, off) / off


def test_shrinkage_is_the_literal_formula_but_for_its_least():
    few = X[:12].astype(np.float64) - X[:12].mean(axis=0, dtype=np.float64)
    assert shrinkage(few) == pytest.approx(literal_shrinkage(few), rel=1e-9)
    assert shrinkage(few) > LEAST_SHRINKAGE
    many = DRAW.normal(size=(5000, 3)) * [9, 1, 1]
    assert literal_shrinkage(many) < LEAST_SHRINKAGE == shrinkage(many)


def test_a_sphere_is_shrunk_wholly():
    assert shrinkage(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])) == 1.0


def test_shrunk_whitening_takes_the_eigenvalues_of_the_shrunk_covariance():
    few = X[:12]
    fitted = fit_pca_whitening(few, dimension=6, power=0.5, shrunk=True)
    covariance = np.cov(few.astype(np.float64), rowvar=False)
    share = literal_shrinkage(few.astype(np.float64) - few.mean(axis=0, dtype=np.float64))
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / 6 * np.eye(6)
    np.testing.assert_allclose(fitted.matrix @ shrunk @ fitted.matrix.T, np.eye(6), atol=1e-4)


def literal_supervised(x, labels, dimension):
    """Differences of all matching pairs, their covariance shrunk, its inverse root, then the strongest directions."""
    x = x.astype(np.float64)
    channels, pictures = x.shape[1], len(x)
    within = np.zeros((channels, channels))
    for i, j in itertools.combinations(range(pictures), 2):
        if labels[i] == labels[j]:
            within += np.outer(x[i] - x[j], x[i] - x[j]) / (labels == labels[i]).sum()
    within /= pictures
    residuals = np.stack([x[i] - x[labels == labels[i]].mean(axis=0) for i in range(pictures)])
    share = max(LEAST_SHRINKAGE, literal_shrinkage(residuals))
    within = (1 - share) * within + share * np.trace(within) / channels * np.eye(channels)
    values, vectors = np.linalg.eigh(within)
    root = vectors @ np.diag(1 / np.sqrt(values)) @ vectors.T
    values, vectors = np.linalg.eigh(np.cov(x @ root, rowvar=False))
    return vectors[:, np.argsort(-values)[:dimension]].T @ root


def test_supervised_whitening_is_the_literal_one():
    x, labels = labelled()
    fitted = fit_supervised_whitening(x, labels=labels, dimension=3)
    np.testing.assert_allclose(fitted.mean, x.mean(axis=0), rtol=1e-5)
    expected = literal_supervised(x, labels, 3)
    signs = np.sign((fitted.matrix * expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(fitted.matrix * signs, expected, rtol=1e-3, atol=1e-4)


def test_supervised_whitening_brings_a_label_together():
    x, labels = labelled(classes=10, each=12)
    fitted = fit_supervised_whitening(x, labels=labels, dimension=3)

    def right(vectors):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        near = unit @ unit.T - 2 * np.eye(len(unit))
        return (labels[near.argmax(axis=1)] == labels).mean()

    assert right((x - fitted.mean) @ fitted.matrix.T) > right(x - fitted.mean) + 0.2


def test_labels_of_a_single_picture_say_nothing_about_pairs_but_count_in_the_spread():
    x, labels = labelled()
    alone = labels.copy()
    alone[:8] = np.arange(100, 108)
    fitted = fit_supervised_whitening(x, labels=alone, dimension=2)
    paired = fit_supervised_whitening(x[8:], labels=labels[8:], dimension=2)
    assert np.abs(fitted.matrix - paired.matrix).max() > 0
    with pytest.raises(InvalidInput, match="two labels"):
        fit_supervised_whitening(x, labels=np.arange(len(x)), dimension=2)
    with pytest.raises(InvalidInput, match="two labels"):
        fit_supervised_whitening(x, labels=np.zeros(len(x), np.int64), dimension=2)


def test_pictures_that_are_all_the_same_are_refused():
    x = np.repeat(np.eye(5, dtype=np.float32), 2, axis=0)
    with pytest.raises(InvalidInput, match="nothing to even out"):
        fit_supervised_whitening(x, labels=np.repeat(np.arange(5), 2), dimension=2)


@pytest.mark.parametrize(("rows", "dimension"), [(200, 7), (200, 0), (4, 4)])
def test_too_few_vectors_or_dimensions_are_refused(rows, dimension):
    supervised = partial(fit_supervised_whitening, labels=np.arange(rows) % 2)
    for fit in (fit_pca_whitening, supervised):
        with pytest.raises(InvalidInput) as refused:
            fit(X[:rows], dimension=dimension)
        assert set(refused.value.fields) == {"dimension"}


@pytest.mark.parametrize("shrunk", [False, True])
def test_directions_without_variance_are_refused(shrunk):
    flat = X.copy()
    flat[:, 3:] = 1.0
    with pytest.raises(InvalidInput, match="fewer than 5 directions"):
        fit_pca_whitening(flat, dimension=5, shrunk=shrunk)
