"""Self-supervised losses against slow, literal versions of their papers."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from retrieval.training.losses.selfsupervised import nt_xent, sinkhorn, swav, vicreg


def two(count: int = 6, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(count, size, generator=generator)
    return first, first + 0.3 * torch.randn(count, size, generator=generator)


def test_nt_xent_is_equation_1():
    first, second = two()
    views, n, t = torch.cat([first, second]), len(first), 0.3
    terms = []
    for i in range(2 * n):
        cosines = [float(F.cosine_similarity(views[i], views[k], dim=0)) for k in range(2 * n)]
        below = sum(math.exp(cosines[k] / t) for k in range(2 * n) if k != i)
        terms.append(-math.log(math.exp(cosines[(i + n) % (2 * n)] / t) / below))
    assert nt_xent(first, second, temperature=t).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def literal_vicreg(first, second, weights) -> float:
    n, d = first.shape
    invariance = sum(float((a - b) ** 2) for a, b in zip(first.flatten(), second.flatten(), strict=True)) / (n * d)
    variance = covariance = 0.0
    for z in (first, second):
        mean = [sum(float(z[i, j]) for i in range(n)) / n for j in range(d)]
        cov = [
            [sum((float(z[i, a]) - mean[a]) * (float(z[i, b]) - mean[b]) for i in range(n)) / (n - 1) for b in range(d)]
            for a in range(d)
        ]
        variance += sum(max(0.0, 1 - math.sqrt(cov[j][j] + 1e-4)) for j in range(d)) / d
        covariance += sum(cov[a][b] ** 2 for a in range(d) for b in range(d) if a != b) / d
    return weights[0] * invariance + weights[1] * variance + weights[2] * covariance


def test_vicreg_is_its_three_terms():
    first, second = two()
    weights = (5.0, 3.0, 2.0)
    expected = literal_vicreg(first, second, weights)
    assert vicreg(first, second, weights=weights).item() == pytest.approx(expected, rel=1e-4)


def test_sinkhorn_fills_all_clusters_alike():
    scores = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    found = sinkhorn(scores, epsilon=0.5, rounds=50)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(24))
    torch.testing.assert_close(found.sum(dim=0), torch.full((4,), 6.0), rtol=1e-3, atol=1e-3)


def test_swav_is_the_swapped_cross_entropy():
    first, second = two(6, 3)
    total = 0.0
    for scores, other in ((first, second), (second, first)):
        targets = sinkhorn(other, epsilon=0.5)
        for row, target in zip(scores, targets, strict=True):
            below = sum(math.exp(float(value) / 0.2) for value in row)
            total -= sum(
                float(q) * math.log(math.exp(float(v) / 0.2) / below) for q, v in zip(target, row, strict=True)
            )
    assert swav(first, second, temperature=0.2, epsilon=0.5).item() == pytest.approx(total / 12, rel=1e-4)


def literal_sinkhorn(scores, epsilon: float) -> list[list[float]]:
    """Columns and rows are scaled to 1/K and 1/N in turn, three times; at last each row sums to 1."""
    q = [[math.exp(float(value) / epsilon) for value in row] for row in scores]
    n, k = len(q), len(q[0])
    for _ in range(3):
        columns = [sum(row[j] for row in q) for j in range(k)]
        q = [[row[j] / columns[j] / k for j in range(k)] for row in q]
        q = [[value / sum(row) / n for value in row] for row in q]
    return [[value * n for value in row] for row in q]


def test_earlier_pictures_share_the_clusters_but_are_not_predicted():
    scores = torch.stack(two(6, 3)).tanh()
    earlier = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2)).tanh()
    total = 0.0
    for view, other in ((0, 1), (1, 0)):
        everything = [*scores[other].tolist(), *earlier[other].tolist()]
        for row, target in zip(scores[view].tolist(), literal_sinkhorn(everything, 0.5)[:6], strict=True):
            below = sum(math.exp(value / 0.2) for value in row)
            total -= sum(q * math.log(math.exp(v / 0.2) / below) for q, v in zip(target, row, strict=True))
    found = swav(scores[0], scores[1], earlier=earlier, temperature=0.2, epsilon=0.5)
    assert found.item() == pytest.approx(total / 12, rel=1e-4)
    assert found.item() != pytest.approx(swav(scores[0], scores[1], temperature=0.2, epsilon=0.5).item(), rel=1e-3)
