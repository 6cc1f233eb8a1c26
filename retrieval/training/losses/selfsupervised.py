"""Losses that need no labels: two views of a picture agree, and something keeps all pictures from becoming one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def nt_xent(first: Tensor, second: Tensor, *, temperature: float = 0.2) -> Tensor:
    """Cross-entropy of finding a view's partner among all other views of the batch; both (N, D).

    Chen et al.: SimCLR (2020), equation 1, mean over the 2N views.
    """
    x = F.normalize(torch.cat([first, second]), dim=1)
    logits = x @ x.T / temperature
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    partner = torch.arange(len(x), device=x.device).roll(len(first))
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)


def vicreg(first: Tensor, second: Tensor, *, weights: tuple[float, float, float] = (25.0, 25.0, 1.0)) -> Tensor:
    """Weighted sum of invariance, variance and covariance of two views' vectors, both (N, D), N > 1.

    Bardes, Ponce, LeCun: VICReg (2022), equations 1 to 6, with gamma = 1 and epsilon = 1e-4.
    """
    invariance, variance, covariance = weights
    spread = _variance(first) + _variance(second)
    mixed = _covariance(first) + _covariance(second)
    return invariance * F.mse_loss(first, second) + variance * spread + covariance * mixed


def _variance(x: Tensor) -> Tensor:
    return F.relu(1 - (x.var(dim=0) + 1e-4).sqrt()).mean()


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(dim=0)
    found = centred.T @ centred / (len(x) - 1)
    return (found.square().sum() - found.diagonal().square().sum()) / x.shape[1]


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float = 0.05, rounds: int = 3) -> Tensor:
    """Soft assignments (N, K), rows summing to 1, that fill every cluster about equally; scores (N, K) are cosines.

    Caron et al.: SwAV (2020), section 3.1 and listing in appendix A.
    """
    found = ((scores - scores.max()) / epsilon).exp()
    for _ in range(rounds):
        found = found / found.sum(dim=0, keepdim=True).clamp(min=1e-12) / found.shape[1]
        found = found / found.sum(dim=1, keepdim=True).clamp(min=1e-12) / found.shape[0]
    return found * found.shape[0]


def swav(
    first: Tensor, second: Tensor, *, earlier: Tensor | None = None, temperature: float = 0.1, epsilon: float = 0.05
) -> Tensor:
    """Each view predicts the other's cluster; both (N, K) are cosines to the prototypes.

    ``earlier`` (2, Q, K): cosines of both views of earlier pictures, assigned together with these but not predicted.
    Caron et al.: SwAV (2020), equations 1 and 2, and section 3.1, working with small batches.
    """
    views = torch.stack([first, second])
    known = views.detach() if earlier is None else torch.cat([views.detach(), earlier], dim=1)
    targets = torch.stack([sinkhorn(scores, epsilon=epsilon)[: len(first)] for scores in known])
    return -(targets.flip(0) * F.log_softmax(views / temperature, dim=2)).sum(dim=2).mean()
