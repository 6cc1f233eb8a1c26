"""Metric losses against slow, literal versions of their papers."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from retrieval.training.losses.metric import CosineClassifier, contrastive_loss, distances, triplet_loss

LABELS = torch.tensor([0, 0, 1, 1, 2, 0, 2, 1])


def vectors(seed: int = 0) -> torch.Tensor:
    return torch.randn(len(LABELS), 5, generator=torch.Generator().manual_seed(seed))


def literal_distance(x: torch.Tensor, i: int, j: int) -> float:
    a, b = x[i] / x[i].norm(), x[j] / x[j].norm()
    return math.sqrt(sum(float(p - q) ** 2 for p, q in zip(a, b, strict=True)))


def test_contrastive_is_the_mean_over_pairs():
    x, margin = vectors(), 1.2
    near, far = [], []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            d = literal_distance(x, i, j)
            (near if LABELS[i] == LABELS[j] else far).append(
                d**2 if LABELS[i] == LABELS[j] else max(0.0, margin - d) ** 2
            )
    expected = sum(near) / len(near) + sum(far) / len(far)
    assert contrastive_loss(x, LABELS, margin=margin).item() == pytest.approx(expected, rel=1e-5)


def literal_triplet(x: torch.Tensor, margin: float) -> float:
    terms = []
    for a in range(len(x)):
        for p in range(len(x)):
            if a == p or LABELS[a] != LABELS[p]:
                continue
            near = literal_distance(x, a, p) ** 2
            others = [literal_distance(x, a, n) ** 2 for n in range(len(x)) if LABELS[n] != LABELS[a]]
            beyond = [d for d in others if d > near]
            terms.append(max(0.0, near - (min(beyond) if beyond else max(others)) + margin))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("margin", [0.1, 1.0])
def test_triplet_takes_the_semi_hard_negative(seed, margin):
    x = vectors(seed)
    assert triplet_loss(x, LABELS, margin=margin).item() == pytest.approx(literal_triplet(x, margin), rel=1e-4)


@pytest.mark.parametrize("loss", [contrastive_loss, triplet_loss])
def test_a_batch_of_one_class_has_a_finite_gradient(loss):
    x = torch.ones(4, 3, requires_grad=True)
    loss(x, torch.zeros(4, dtype=torch.long)).backward()
    assert x.grad.isfinite().all()


def test_equal_vectors_have_no_distance_and_a_finite_gradient():
    x = torch.ones(2, 3, requires_grad=True)
    found = distances(x)
    found.sum().backward()
    assert found.abs().max().item() == 0
    assert x.grad.isfinite().all()


def literal_arcface(x, classifier, labels, scopes) -> float:
    terms = []
    for row, label in zip(x, labels.tolist(), strict=True):
        if label < 0:
            continue
        logits = {}
        for number, centre in enumerate(classifier.centres):
            if scopes[number] != scopes[label]:
                continue
            cosine = float(F.cosine_similarity(row, centre.detach(), dim=0))
            angle = math.acos(cosine) + (classifier.margin if number == label else 0)
            logits[number] = classifier.scale * math.cos(angle)
        terms.append(math.log(sum(math.exp(v) for v in logits.values())) - logits[label])
    return sum(terms) / len(terms)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_arcface_compares_within_its_scope_and_skips_what_has_no_label(margin):
    scopes = torch.tensor([0, 0, 1, 1])
    labels = torch.tensor([0, 1, 2, 3, -1, 0, 2, -1])
    torch.manual_seed(0)
    classifier = CosineClassifier(5, scopes, scale=8.0, margin=margin)
    x = vectors()
    expected = literal_arcface(x, classifier, labels, scopes.tolist())
    assert classifier(x, labels).item() == pytest.approx(expected, rel=1e-4)


def test_arcface_margin_keeps_falling_behind_pi():
    classifier = CosineClassifier(2, torch.zeros(2, dtype=torch.long), margin=0.5)
    cosines = torch.linspace(-1, 1, 101)
    shifted = classifier._with_margin(cosines)
    assert (shifted.diff() > 0).all()


def test_a_batch_without_labels_costs_nothing():
    classifier = CosineClassifier(5, torch.zeros(2, dtype=torch.long))
    assert classifier(vectors(), torch.full((8,), -1)).item() == 0
