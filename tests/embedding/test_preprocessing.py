"""Sizes, grouping, and the resize against its formula."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.embedding.preprocessing import batches, resized, target_size


def photograph(height, width):
    """Smooth areas with sharp edges and some noise."""
    y, x = np.mgrid[:height, :width]
    draw = np.random.default_rng(height * width)
    base = 127 + 90 * np.sin(x / 17) * np.cos(y / 11) + 40 * ((x // 20 + y // 30) % 2)
    return np.clip(base[..., None] + draw.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def weights(length, target):
    """How much each of ``length`` places counts for each of ``target``: a triangle as wide as the scale."""
    scale = length / target
    width = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    reach = np.abs(np.arange(length) + 0.5 - centres[:, None]) / width
    found = np.maximum(1 - reach, 0)
    return found / found.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1200, 900), (100, 80), (224, 500), (37, 2000), (1, 1)])
def test_resize_is_bilinear_with_antialiasing_to_one_level(size):
    picture = photograph(*size)
    expected = np.einsum(
        "th,hwc,sw->tsc", weights(size[0], 192), picture.astype(float), weights(size[1], 224), optimize=True
    )
    found = resized(picture, (224, 192))
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found - np.rint(expected)).max() <= 1


def test_any_layout_in_memory_gives_the_same():
    picture = photograph(90, 70)
    views = [
        picture[::-1][::-1],
        np.asfortranarray(picture),
        np.frombuffer(picture.tobytes(), np.uint8).reshape(90, 70, 3),
    ]
    for each in views:
        np.testing.assert_array_equal(resized(each, (32, 64)), resized(picture, (32, 64)))


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
