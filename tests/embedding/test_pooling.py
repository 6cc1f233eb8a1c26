"""Each pooling against its formula, written out slowly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.embedding.pooling import RMAC, AveragePool, GeM, MaxPool, regions

MAPS = torch.rand(2, 5, 6, 9, generator=torch.Generator().manual_seed(1))


def each_place(maps):
    """(N, C, places) as nested lists."""
    return maps.flatten(2).tolist()


def test_average_and_maximum():
    for pooled, literal in (
        (AveragePool()(MAPS), lambda values: sum(values) / len(values)),
        (MaxPool()(MAPS), max),
    ):
        expected = [[literal(channel) for channel in picture] for picture in each_place(MAPS)]
        torch.testing.assert_close(pooled, torch.tensor(expected))


@pytest.mark.parametrize("p", [1.0, 3.0, 6.5])
def test_gem(p):
    expected = [
        [(sum(v**p for v in channel) / len(channel)) ** (1 / p) for channel in picture] for picture in each_place(MAPS)
    ]
    torch.testing.assert_close(GeM(p)(MAPS), torch.tensor(expected))


def test_gem_of_an_empty_map_is_finite_and_its_power_learns():
    pool = GeM()
    pool(torch.zeros(1, 4, 3, 3)).sum().backward()
    assert torch.isfinite(pool.p.grad).all()


def literal_regions(height, width, levels=3):
    """The squares as the paper's own program lays them out, kept inside the map by whole steps."""
    short, long = min(height, width), max(height, width)
    counts = range(2, 8)
    overlaps = [(short**2 - short * ((long - short) / (count - 1))) / short**2 for count in counts]
    extra = 0 if short == long else counts[int(np.argmin([abs(overlap - 0.4) for overlap in overlaps]))] - 1
    found = []
    for level in range(1, levels + 1):
        side = max(1, int(np.floor(2 * short / (level + 1))))
        down = level + extra if height > width else level
        along = level + extra if width > height else level
        for row in range(down):
            for column in range(along):
                top = (height - side) * row // (down - 1) if down > 1 else (height - side) // 2
                left = (width - side) * column // (along - 1) if along > 1 else (width - side) // 2
                found.append((top, left, side))
    return sorted(set(found))


@pytest.mark.parametrize("size", [(7, 7), (7, 10), (12, 7), (2, 7), (1, 1), (16, 17)])
def test_regions_are_those_of_the_paper(size):
    height, width = size
    squares = regions(height, width)
    assert sorted(squares) == literal_regions(height, width)
    assert all(t >= 0 and left >= 0 and t + s <= height and left + s <= width for t, left, s in squares)


def test_square_map_has_one_four_and_nine_regions():
    sides = [side for _, _, side in regions(14, 14)]
    assert [sides.count(side) for side in (14, 9, 7)] == [1, 4, 9]


def test_rmac():
    expected = []
    for picture in MAPS.numpy():
        total = np.zeros(5)
        for top, left, side in literal_regions(6, 9):
            part = picture[:, top : top + side, left : left + side].max(axis=(1, 2))
            total += part / np.linalg.norm(part)
        expected.append(total)
    torch.testing.assert_close(RMAC()(MAPS), torch.tensor(np.array(expected), dtype=torch.float32))
