"""The tensor reference of the three measures, against sums written out and the known check values."""

from __future__ import annotations

import math

import pytest
import torch

from tests.embedding.distances import DISTANCES

CHECK = {"cosine": 9 / math.sqrt(126), "euclidean": math.sqrt(5), "pearson": -math.sqrt(3) / 2}


@pytest.mark.parametrize(("name", "value"), CHECK.items())
def test_check_values(name, value):
    found = DISTANCES[name].between(torch.tensor([[1.0, 2, 3]]), torch.tensor([[2.0, 2, 1]]))
    assert found.item() == pytest.approx(value, abs=1e-6)


def literal(name, x, y):
    if name == "euclidean":
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    if name == "pearson":
        x, y = [a - sum(x) / len(x) for a in x], [b - sum(y) / len(y) for b in y]
    return sum(a * b for a, b in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)


@pytest.mark.parametrize("name", DISTANCES)
def test_against_the_sums_written_out(name):
    draw = torch.Generator().manual_seed(2)
    x, y = torch.randn(4, 7, generator=draw), torch.randn(5, 7, generator=draw)
    expected = [[literal(name, a, b) for b in y.tolist()] for a in x.tolist()]
    torch.testing.assert_close(DISTANCES[name].between(x, y), torch.tensor(expected))


@pytest.mark.parametrize("name", DISTANCES)
def test_a_vector_is_nearest_to_itself_and_k_is_bounded(name):
    x = torch.randn(6, 7, generator=torch.Generator().manual_seed(4))
    values, positions = DISTANCES[name].nearest(x, x, k=9)
    assert positions.shape == (6, 6)
    assert positions[:, 0].tolist() == list(range(6))
    step = values.diff(dim=1)
    assert ((step <= 0) if DISTANCES[name].larger_is_nearer else (step >= 0)).all()


def test_near_copies_keep_their_small_distance():
    x = torch.full((1, 1000), 30.0)
    assert DISTANCES["euclidean"].between(x, x + 1e-3).item() == pytest.approx(1e-3 * math.sqrt(1000), rel=1e-2)


def test_zero_vectors_are_near_nothing():
    zero = torch.zeros(1, 3)
    assert DISTANCES["cosine"].between(zero, torch.ones(1, 3)).item() == 0
    assert DISTANCES["pearson"].between(torch.ones(1, 3), torch.ones(1, 3)).item() == 0
