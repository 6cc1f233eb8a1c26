"""Metric learning with labels: pairs, triplets, and class centres on the unit sphere."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TINY = 1e-6  # squared distances below it are rounding: they count as 0


def distances(x: Tensor) -> Tensor:
    """Euclidean distances (N, N) of the unit vectors of x (N, D); the gradient at 0 is 0, not infinite."""
    x = F.normalize(x, dim=1)
    squared = (2 - 2 * x @ x.T).clamp(min=0)
    return torch.where(squared > TINY, squared.clamp(min=TINY).sqrt(), torch.zeros_like(squared))


def contrastive_loss(x: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    """d^2 for pairs of one class, max(0, margin - d)^2 for others; the mean of each kind, added.

    Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping (2006). x (N, D), labels (N,).
    """
    found = distances(x)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    upper = torch.ones_like(same).triu(diagonal=1)
    near = found.square()[same & upper]
    far = (margin - found).clamp(min=0).square()[~same & upper]
    return near.sum() / max(len(near), 1) + far.sum() / max(len(far), 1)


def triplet_loss(x: Tensor, labels: Tensor, *, margin: float = 0.2) -> Tensor:
    """Mean of max(0, d_ap^2 - d_an^2 + margin) over all pairs of a class, each with its semi-hard negative.

    Semi-hard: the nearest negative that is farther than the positive, or else the farthest of all. Schroff et al.:
    FaceNet (2015), section 3.2. x (N, D), labels (N,).
    """
    squared = distances(x).square()
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    anchors, positives = (same & ~torch.eye(len(x), dtype=torch.bool)).nonzero(as_tuple=True)
    usable = (~same).any(dim=1)[anchors]
    anchors, positives = anchors[usable], positives[usable]
    near = squared[anchors, positives]
    others = squared[anchors].masked_fill(same[anchors], math.inf)
    beyond = others.masked_fill(others <= near.unsqueeze(1), math.inf).amin(dim=1)
    farthest = squared[anchors].masked_fill(same[anchors], -math.inf).amax(dim=1)
    negative = torch.where(beyond.isfinite(), beyond, farthest)
    return (near - negative + margin).clamp(min=0).sum() / max(len(near), 1)


class CosineClassifier(nn.Module):
    """Class centres on the unit sphere; cross-entropy of scaled cosines, with ArcFace's margin on the true angle.

    Deng et al.: ArcFace (2019), equation 3; margin 0 is the normalised softmax. ``scopes`` (C,) numbers the label
    sets: a picture is compared only with the centres of its own class's set.
    """

    scopes: Tensor

    def __init__(self, dimension: int, scopes: Tensor, *, scale: float = 20.0, margin: float = 0.0) -> None:
        super().__init__()
        self.centres = nn.Parameter(F.normalize(torch.randn(len(scopes), dimension), dim=1))
        self.register_buffer("scopes", scopes)
        self.scale, self.margin = scale, margin

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of x (N, D) with labels (N,); pictures without a label (-1) are left out."""
        known = labels >= 0
        if not known.any():
            return x.sum() * 0
        x, labels = x[known], labels[known]
        cosines = F.linear(F.normalize(x, dim=1), F.normalize(self.centres, dim=1))
        truth = F.one_hot(labels, len(self.scopes)).bool()
        logits = torch.where(truth, self._with_margin(cosines), cosines) * self.scale
        foreign = self.scopes.unsqueeze(0) != self.scopes[labels].unsqueeze(1)
        return F.cross_entropy(logits.masked_fill(foreign, -math.inf), labels)

    def scores(self, x: Tensor) -> Tensor:
        """Scaled cosines (N, C) of x (N, D) to the centres, which are taken as given: no gradient reaches them."""
        return F.linear(F.normalize(x, dim=1), F.normalize(self.centres.detach(), dim=1)) * self.scale

    def _with_margin(self, cosines: Tensor) -> Tensor:
        """cos(angle + margin), continued linearly where the sum passes pi, so that it keeps falling."""
        if not self.margin:
            return cosines
        sines = (1 - cosines.square()).clamp(min=1e-9).sqrt()
        shifted = cosines * math.cos(self.margin) - sines * math.sin(self.margin)
        turned = cosines - math.sin(self.margin) * self.margin
        return torch.where(cosines > math.cos(math.pi - self.margin), shifted, turned)
