"""The three similarity measures as tensor arithmetic: the reference for the SQL, and which direction is nearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Distance:
    """A measure between every row of x (N, D) and every row of y (M, D) -> (N, M), and whether larger is nearer."""

    between: Callable[[Tensor, Tensor], Tensor]
    larger_is_nearer: bool

    def nearest(self, x: Tensor, y: Tensor, *, k: int) -> tuple[Tensor, Tensor]:
        """The k nearest rows of y for each row of x, nearest first: values and positions, both (N, min(k, M))."""
        found = self.between(x, y).topk(min(k, len(y)), dim=1, largest=self.larger_is_nearer)
        return found.values, found.indices


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """x.y / (|x| |y|), from -1 to 1; 0 where a vector is zero."""
    return functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """sqrt(sum (x_i - y_i)^2), from 0."""
    # Not by matrix products: for near copies those leave nothing but rounding.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """The correlation of the numbers of x and y: the cosine of the vectors less their own mean, from -1 to 1."""
    return cosine(x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True))


DISTANCES: dict[str, Distance] = {
    "cosine": Distance(cosine, larger_is_nearer=True),
    "euclidean": Distance(euclidean, larger_is_nearer=False),
    "pearson": Distance(pearson, larger_is_nearer=True),
}
