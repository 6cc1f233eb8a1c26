"""Losses that make a student agree with a teacher: on vectors, on the relations between them, and on class scores."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cosine_loss(student: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - cosine of (N, D) and (N, D)."""
    return 1 - F.cosine_similarity(student, target, dim=1).mean()


def relation_loss(student: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of the two batches' cosine matrices; the dimensions may differ.

    Tung, Mori: Similarity-Preserving Knowledge Distillation (2019), on unit vectors.
    """
    x, y = F.normalize(student, dim=1), F.normalize(target, dim=1)
    return F.mse_loss(x @ x.T, y @ y.T)


def logit_loss(student: Tensor, target: Tensor, *, temperature: float = 2.0) -> Tensor:
    """T^2 KL(teacher || student) of softened class scores (N, C). Hinton et al.: Distilling the Knowledge (2015)."""
    log_student = F.log_softmax(student / temperature, dim=1)
    log_target = F.log_softmax(target / temperature, dim=1)
    return F.kl_div(log_student, log_target, log_target=True, reduction="batchmean") * temperature**2
