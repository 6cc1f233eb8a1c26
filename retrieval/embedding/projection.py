"""From the pooled vector (N, C) to the stored one (N, D): unchanged, PCA-whitened, or through a linear head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from retrieval.errors import InvalidInput

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Whitening:
    """A fitted PCA-whitening: ``(x - mean) @ matrix.T``, mean (C,), matrix (D, C)."""

    mean: Floats
    matrix: Floats


def fit_pca_whitening(x: Floats, *, dimension: int, power: float = 0.25) -> Whitening:
    """Fit a PCA-whitening on vectors x (N, C): the ``dimension`` strongest directions, scaled by eigenvalue^-power.

    Power 0.5 is full whitening (unit variance everywhere), 0 a mere rotation; 0.25 was best in our measurements.
    Jegou, Chum: Negative evidences and co-occurences in image retrieval (2012). Raises InvalidInput when x is too
    small for the dimension: a direction without variance cannot be scaled.
    """
    if x.ndim != 2 or not 1 <= dimension <= min(x.shape[1], x.shape[0] - 1):
        shape = " x ".join(map(str, x.shape))
        raise InvalidInput.of("dimension", f"A PCA of {dimension} dimensions cannot be fitted on {shape} numbers.")
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(x) - 1))
    strongest = values[::-1][:dimension]
    if strongest[-1] <= strongest[0] * 1e-10:
        raise InvalidInput.of("dimension", f"The vectors span fewer than {dimension} directions; ask for fewer.")
    matrix = vectors[:, ::-1][:, :dimension].T * strongest[:, None] ** -power
    return Whitening(mean=mean.astype(np.float32), matrix=matrix.astype(np.float32))


class PCA(nn.Module):
    """A fitted PCA-whitening as a layer; it has to be given or loaded, never guessed."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, channels: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("matrix", torch.full((dimension, channels), torch.nan))

    def set(self, fitted: Whitening) -> None:
        """Take over fitted parameters of the same shape."""
        self.mean.copy_(torch.from_numpy(fitted.mean))
        self.matrix.copy_(torch.from_numpy(fitted.matrix))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, D)."""
        return functional.linear(x - self.mean, self.matrix)


def _identity(*_sizes: int) -> nn.Module:
    return nn.Identity()


def _linear(channels: int, dimension: int) -> nn.Module:
    """A linear head that starts as an orthogonal map: before any training it keeps angles as well as it can."""
    head = nn.Linear(channels, dimension)
    nn.init.orthogonal_(head.weight)
    nn.init.zeros_(head.bias)
    return head


PROJECTIONS: dict[str, Callable[[int, int], nn.Module]] = {"identity": _identity, "pca": PCA, "linear": _linear}
