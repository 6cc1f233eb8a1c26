"""Whitenings learned from vectors: by their spread alone, or so that pictures of one label come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The least shrinkage towards a sphere. Stored halves are off by about 3e-4 of their size; a direction with less spread
# than this share of the average would be scaled up until mostly that rounding is seen.
LEAST_SHRINKAGE = 0.01
FLAT = 1e-10
BLOCK = 4096  # rows in double precision at a time


@dataclass(frozen=True)
class Whitening:
    """A fitted linear map: ``(x - mean) @ matrix.T``, mean (C,), matrix (D, C)."""

    mean: Floats
    matrix: Floats


def fit_pca_whitening(x: Floats, *, dimension: int, power: float = 0.25, shrunk: bool = False) -> Whitening:
    """Fit a PCA-whitening on vectors x (N, C): the ``dimension`` strongest directions, scaled by eigenvalue^-power.

    Power 0.5 is full whitening (unit variance everywhere), 0 a mere rotation; 0.25 was best in our measurements.
    ``shrunk``: the eigenvalues are those of the covariance shrunk as ``shrinkage`` says. Jegou, Chum: Negative
    evidences and co-occurences in image retrieval (2012). Raises InvalidInput when x is too small for the dimension: a
    direction without variance cannot be scaled.
    """
    _require_enough(x, dimension)
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = _scatter(x, mean) / (len(x) - 1)
    values, rows = _strongest(covariance, dimension)
    if shrunk:
        values = _towards_sphere(values, np.trace(covariance) / len(mean), share=shrinkage(x - mean))
    return _whitening(mean, rows * values[:, None] ** -power)


def fit_supervised_whitening(x: Floats, *, labels: NDArray[np.int64], dimension: int) -> Whitening:
    """Fit a whitening on vectors x (N, C) with labels (N,): even out what differs within a label, keep the rest.

    With S the (shrunk) covariance of matching pairs, the map is U S^-1/2 (x - mean), U the ``dimension`` strongest
    directions of all vectors after S^-1/2. Mikolajczyk, Matas: Improving descriptors for fast tree matching by optimal
    linear projection (2007); Radenovic, Tolias, Chum: Fine-tuning CNN image retrieval with no human annotation (2019),
    section 3.3. Each picture counts the same, however many pairs it is in. Raises InvalidInput without two labels of
    two pictures, or when x is too small for the dimension.
    """
    _require_enough(x, dimension)
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    root = _inverse_root(_within(centred, labels))
    _, rows = _strongest(root @ (centred.T @ centred / (len(x) - 1)) @ root, dimension)
    return _whitening(mean, rows @ root)


def shrinkage(centred: Doubles) -> float:
    """How far to move the covariance of centred vectors (N, C) towards a sphere, 0 to 1.

    The share that minimises the expected squared error, but at least LEAST_SHRINKAGE. Ledoit, Wolf: A well-conditioned
    estimator for large-dimensional covariance matrices (2004), section 3.3.
    """
    count, channels = centred.shape
    covariance = centred.T @ centred / count
    off_sphere = np.square(covariance - np.trace(covariance) / channels * np.eye(channels)).sum()
    fourth = np.square(np.square(centred).sum(axis=1)).sum()
    error = (fourth / count - np.square(covariance).sum()) / count
    return float(max(LEAST_SHRINKAGE, min(1.0, error / off_sphere))) if off_sphere > 0 else 1.0


def _scatter(x: Floats, mean: Doubles) -> Doubles:
    """The sum of (x - mean)(x - mean)' over all rows, a block at a time: doubles of all of x are large."""
    total = np.zeros((len(mean), len(mean)))
    for start in range(0, len(x), BLOCK):
        centred = x[start : start + BLOCK] - mean
        total += centred.T @ centred
    return total


def _within(centred: Doubles, labels: NDArray[np.int64]) -> Doubles:
    """The covariance (C, C) of what is left of vectors after taking away their label's mean, shrunk."""
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts > 1).sum() < 2:
        raise InvalidInput.of("by", "This needs at least two labels with two pictures each.")
    means = np.zeros((len(counts), centred.shape[1]))
    np.add.at(means, numbers, centred)
    residuals = (centred - (means / counts[:, None])[numbers])[counts[numbers] > 1]
    covariance: Doubles = residuals.T @ residuals / len(residuals)
    share, sphere = shrinkage(residuals), np.trace(covariance) / len(covariance)
    shrunk: Doubles = (1 - share) * covariance + share * sphere * np.eye(len(covariance))
    return shrunk


def _towards_sphere(values: Doubles, average: float, *, share: float) -> Doubles:
    return (1 - share) * values + share * average


def _inverse_root(covariance: Doubles) -> Doubles:
    """S^-1/2, symmetric."""
    values, vectors = np.linalg.eigh(covariance)
    if values[0] <= 0:
        raise InvalidInput.of("by", "All pictures of a label have the same vector; there is nothing to even out.")
    root: Doubles = vectors * values**-0.5 @ vectors.T
    return root


def _strongest(covariance: Doubles, dimension: int) -> tuple[Doubles, Doubles]:
    """The largest eigenvalues (D,), falling, and their directions as rows (D, C)."""
    values, vectors = np.linalg.eigh(covariance)
    strongest = values[::-1][:dimension]
    if strongest[-1] <= strongest[0] * FLAT:
        raise InvalidInput.of("dimension", f"The vectors span fewer than {dimension} directions; ask for fewer.")
    return strongest, vectors[:, ::-1][:, :dimension].T


def _require_enough(x: Floats, dimension: int) -> None:
    if x.ndim != 2 or not 1 <= dimension <= min(x.shape[1], x.shape[0] - 1):
        shape = " x ".join(map(str, x.shape))
        raise InvalidInput.of("dimension", f"A PCA of {dimension} dimensions cannot be fitted on {shape} numbers.")


def _whitening(mean: Doubles, matrix: Doubles) -> Whitening:
    return Whitening(mean=mean.astype(np.float32), matrix=matrix.astype(np.float32))
