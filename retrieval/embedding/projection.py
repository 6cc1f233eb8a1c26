"""From the pooled vector (N, C) to the stored one (N, D): unchanged, PCA-whitened, or through a linear head."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from retrieval.embedding.whitening import Whitening


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
