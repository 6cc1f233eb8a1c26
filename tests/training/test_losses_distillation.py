"""Distillation losses against slow, literal versions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from retrieval.training.losses.adversarial import discriminator_loss, generator_loss
from retrieval.training.losses.distillation import cosine_loss, logit_loss, relation_loss

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
Y = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(F.cosine_similarity(a, b, dim=0))


def test_cosine_loss():
    expected = sum(1 - cosine(x, y) for x, y in zip(X, Y[:, :4], strict=True)) / 5
    assert cosine_loss(X, Y[:, :4]).item() == pytest.approx(expected, rel=1e-5)


def test_relation_loss_compares_cosine_matrices_of_different_dimensions():
    expected = sum((cosine(X[i], X[j]) - cosine(Y[i], Y[j])) ** 2 for i in range(5) for j in range(5)) / 25
    assert relation_loss(X, Y).item() == pytest.approx(expected, rel=1e-5)


def test_logit_loss_is_the_softened_divergence():
    student, teacher, t = X, Y[:, :4], 2.0
    total = 0.0
    for s, q in zip(student, teacher, strict=True):
        p = [math.exp(float(v) / t) / sum(math.exp(float(w) / t) for w in q) for v in q]
        r = [math.exp(float(v) / t) / sum(math.exp(float(w) / t) for w in s) for v in s]
        total += sum(a * math.log(a / b) for a, b in zip(p, r, strict=True))
    assert logit_loss(student, teacher, temperature=t).item() == pytest.approx(t**2 * total / 5, rel=1e-4)


def test_hinge_losses():
    real, fake = torch.tensor([0.2, 3.0, -1.0]), torch.tensor([-2.0, 0.5])
    assert discriminator_loss(real, fake).item() == pytest.approx((0.8 + 0 + 2) / 3 + (0 + 1.5) / 2)
    assert generator_loss(fake).item() == pytest.approx(0.75)
