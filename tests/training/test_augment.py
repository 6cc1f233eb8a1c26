"""Views of pictures: what each change does, and that the seed decides all of it."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from retrieval.training.augment import augment, mixup, plain
from retrieval.training.config import AugmentConfig

PIXELS = torch.randint(0, 256, (6, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NOTHING = AugmentConfig(flip=0.0)
CHANGES = [
    {"smallest_crop": 0.3}, {"stretch": 1.5, "smallest_crop": 0.5}, {"rotation": 20.0}, {"flip": 1.0},
    {"brightness": 0.4}, {"contrast": 0.4}, {"colour": 0.4}, {"grey": 1.0}, {"blur": 2.0}, {"erase": 1.0},
]  # fmt: skip


def view(config: AugmentConfig, *, size: int = 40, seed: int = 0) -> torch.Tensor:
    return augment(PIXELS, config, size=size, generator=torch.Generator().manual_seed(seed))


def identity() -> torch.Tensor:
    return PIXELS.permute(0, 3, 1, 2) / 255


def test_no_change_gives_the_picture_back():
    torch.testing.assert_close(view(NOTHING), identity(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("change", CHANGES, ids=[next(iter(change)) for change in CHANGES])
def test_each_change_changes_within_bounds_and_by_seed(change):
    config = AugmentConfig(**{"flip": 0.0, **change})
    found = view(config, size=32)
    assert found.shape == (6, 3, 32, 32)
    assert 0 <= found.min() <= found.max() <= 1
    assert (found - view(NOTHING, size=32)).abs().max() > 0.01
    assert torch.equal(found, view(config, size=32))
    if change not in ({"flip": 1.0}, {"grey": 1.0}):
        assert not torch.equal(found, view(config, size=32, seed=1))


def test_a_flip_is_a_mirror_image():
    torch.testing.assert_close(view(AugmentConfig(flip=1.0)), identity().flip(3), atol=1e-4, rtol=0)


def test_grey_is_the_same_in_all_channels():
    found = view(AugmentConfig(flip=0.0, grey=1.0))
    expected = 0.299 * identity()[:, 0] + 0.587 * identity()[:, 1] + 0.114 * identity()[:, 2]
    torch.testing.assert_close(found, expected.unsqueeze(1).expand(-1, 3, -1, -1), atol=1e-4, rtol=0)


def test_blur_is_the_gaussian_of_its_sigma():
    found = view(AugmentConfig(flip=0.0, blur=1.5))
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):  # area, stretch, rotation, left and top come from the generator first, and the flip
        torch.rand(6, generator=generator)
    torch.rand(6, generator=generator)
    sigma = torch.rand(6, generator=generator) * 1.5
    taps = [math.exp(-(k**2) / (2 * float(sigma[0]) ** 2)) for k in range(-3, 4)]
    kernel = torch.tensor(taps) / sum(taps)
    padded = F.pad(identity()[:1], (3, 3, 3, 3), mode="reflect")
    expected = F.conv2d(padded, torch.outer(kernel, kernel).expand(3, 1, 7, 7), groups=3)
    torch.testing.assert_close(found[:1], expected, atol=2e-4, rtol=0)


def test_erasing_paints_one_grey_rectangle():
    found = view(AugmentConfig(flip=0.0, erase=1.0))
    hit = ((found - identity()).abs() > 1e-3).any(dim=1)
    for picture, place in zip(found, hit, strict=True):
        rows, columns = place.any(dim=1).nonzero(), place.any(dim=0).nonzero()
        inside = picture[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert torch.equal(inside, torch.full_like(inside, 0.5))
        assert 0.005 < inside[0].numel() / 1600 < 0.4


def test_plain_is_an_antialiased_resize():
    assert plain(PIXELS, size=20).shape == (6, 3, 20, 20)
    torch.testing.assert_close(plain(PIXELS, size=40), identity())


def test_mixup_is_a_weighted_sum_with_the_larger_part_its_own():
    images = identity()
    mixed, partner, share = mixup(images, alpha=0.4, generator=torch.Generator().manual_seed(0))
    assert (share >= 0.5).all()
    for i in range(6):
        expected = images[i] * share[i] + images[partner[i]] * (1 - share[i])
        torch.testing.assert_close(mixed[i], expected)
