"""Sizes, grouping, and the resize against Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.embedding.preprocessing import batches, resized, target_size


def photograph(height, width):
    """Smooth areas with sharp edges and some noise."""
    y, x = np.mgrid[:height, :width]
    draw = np.random.default_rng(height * width)
    base = 127 + 90 * np.sin(x / 17) * np.cos(y / 11) + 40 * ((x // 20 + y // 30) % 2)
    return np.clip(base[..., None] + draw.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1200, 900), (100, 80), (224, 500), (37, 2000), (1, 1)])
def test_resize_is_pillows_to_one_level(size):
    picture = photograph(*size)
    expected = np.asarray(Image.fromarray(picture).resize((224, 192), Image.Resampling.BILINEAR))
    found = resized(picture, (224, 192))
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_right_size_is_left_alone_and_the_picture_is_never_written_to():
    picture = photograph(64, 64)
    picture.setflags(write=False)
    assert resized(picture, (64, 64)) is picture
    resized(picture, (32, 32))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_anything_but_rgb_bytes_is_refused(wrong):
    with pytest.raises(ValueError, match="expected uint8"):
        resized(wrong, (2, 2))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (256, 192)), ((480, 640), (192, 256)), ((600, 400), (288, 192)), ((50, 50), (224, 224)),
     ((10_000, 100), (896, 32))],
)  # fmt: skip
def test_aspect_keeps_shape_and_area(size, expected):
    assert target_size(*size, side=224, resize="aspect") == expected


def test_fixed_is_square():
    assert target_size(640, 480, side=224, resize="fixed") == (224, 224)


def test_batches_hold_every_picture_once_and_one_size_each():
    shapes = [(480, 640), (640, 480), (480, 640), (960, 1280), (480, 640)]
    pictures = [np.zeros((*shape, 3), np.uint8) for shape in shapes]
    made = batches(pictures, side=224, resize="aspect", most=3)
    assert made == [([0, 2, 3], (256, 192)), ([4], (256, 192)), ([1], (192, 256))]
