"""What teachers say of every picture, whitened to the student's dimension, and the projection a student starts with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from retrieval.embedding import Whitening, fit_pca_whitening, whitening

Floats = NDArray[np.float32]
POWER = 0.1  # of the eigenvalues: best of 0, 0.1 and 0.25 over 13 labelled sources of the training corpus
PLENTY = 4  # times as many pictures as numbers: only below does anybody count the directions that they span
RIDGE = 0.1  # of the mean variance of a pooled number: best of 0.001, 0.01, 0.1 and 1 on sources that were left out


def whitened(vectors: Sequence[Floats], *, dimension: int, power: float = POWER) -> tuple[Floats, Whitening]:
    """One target for each picture from one or several teachers' vectors, each (N, C_i): ((N, D), the fit).

    Several are each brought to unit length and put side by side before the whitening, so that none outweighs another.
    N pictures span at most N - 1 directions about their mean; where that is less than D the other numbers are zero.
    """
    joined = vectors[0] if len(vectors) == 1 else _side_by_side(vectors)
    fitted = _padded(fit_pca_whitening(joined, dimension=_spanned(joined, dimension), power=power), dimension)
    return (joined @ fitted.matrix.T - fitted.matrix @ fitted.mean).astype(np.float32), fitted


def _spanned(vectors: Floats, dimension: int) -> int:
    """In how many directions, at most D and at least one, the vectors (N, C) have any spread."""
    if len(vectors) > PLENTY * dimension:
        return dimension
    spread = np.linalg.svd((vectors - vectors.mean(axis=0)).astype(np.float64), compute_uv=False)
    return max(1, min(dimension, int((np.square(spread) > 2 * whitening.FLAT * np.square(spread[0])).sum())))


def _padded(fitted: Whitening, dimension: int) -> Whitening:
    missing = dimension - len(fitted.matrix)
    return Whitening(mean=fitted.mean, matrix=np.pad(fitted.matrix, ((0, missing), (0, 0))))


def _side_by_side(vectors: Sequence[Floats]) -> Floats:
    return np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in vectors], axis=1)


def nearest_map(vectors: Floats, targets: Floats) -> Whitening:
    """The linear map that brings vectors (N, C) nearest to the directions of targets (N, D): ridge regression.

    With X the centred vectors, Y the targets at unit length: (X'X / N + r I)^-1 X'Y / N, r a tenth of the mean
    variance. Hoerl, Kennard: Ridge Regression (1970). The mean is such that the map's mean is that of Y.
    """
    wanted = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    mean, middle = vectors.mean(axis=0, dtype=np.float64), wanted.mean(axis=0, dtype=np.float64)
    centred = (vectors - mean).astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64) / len(centred)
    covariance += np.eye(len(mean)) * RIDGE * np.trace(covariance) / len(mean)
    matrix = np.linalg.solve(covariance, (centred.T @ wanted).astype(np.float64) / len(centred)).T
    # W (x - m) with a shifted m so that W (mean - m) = middle; D is at most C, and W has full rank.
    shifted = mean - np.linalg.pinv(matrix) @ middle
    return Whitening(mean=shifted.astype(np.float32), matrix=matrix.astype(np.float32))


@torch.no_grad()
def put_whitening(projection: nn.Module, fitted: Whitening) -> None:
    """Make a linear projection compute this whitening."""
    if not isinstance(projection, nn.Linear):
        raise TypeError("only a linear projection can start as a whitening")
    projection.weight.copy_(torch.from_numpy(fitted.matrix))
    projection.bias.copy_(torch.from_numpy(-fitted.matrix @ fitted.mean))
