"""Boxes to ask for besides the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retrieval.matching.parts import FAR, Box, _ground, _near, likely_parts, standing_out
from tests.matching.conftest import pixels, scene


def page():
    sheet = Image.new("RGB", (1000, 1300), (250, 249, 240))
    pen = ImageDraw.Draw(sheet)
    for line in range(20, 1280, 20):
        pen.text((20, line), "some lines of text between which nothing stands but paper " * 3, fill="black")
    sheet.paste(scene(5, (320, 240)), (600, 700))
    return pixels(sheet)


def test_a_picture_on_a_page_of_text_stands_out():
    (box,) = standing_out(page())
    np.testing.assert_allclose((box.x, box.y, box.w, box.h), (0.6, 700 / 1300, 0.32, 240 / 1300), atol=0.03)


def test_nothing_stands_out_of_an_even_page():
    assert standing_out(np.full((100, 80, 3), 255, np.uint8)) == []


def test_the_ground_and_what_is_near_it_are_as_said():
    """Against the slow literal versions; a median between two levels, and a ground near both ends of them."""
    rng = np.random.default_rng(5)
    for level in (0, 7, 120, 250):
        noise = rng.normal(level, (4, 12, 40), (40, 30, 3))
        small = np.clip(noise, 0, 255).astype(np.uint8)
        coarse = [tuple(pixel) for pixel in small.reshape(-1, 3) // 16]
        commonest = min(set(coarse), key=lambda one: (-coarse.count(one), one))
        those = [pixel for pixel, one in zip(small.reshape(-1, 3), coarse, strict=True) if one == commonest]
        ground = np.median(those, axis=0).astype(np.float32)
        np.testing.assert_array_equal(_ground(small), ground)
        for middle in (ground, ground + 0.5):
            far = np.abs(small.astype(np.float32) - middle).max(axis=2) > FAR
            np.testing.assert_array_equal(_near(small, middle) == 0, far)


def test_quarters_and_middle_are_asked_for_as_well():
    assert likely_parts(np.full((100, 80, 3), 255, np.uint8))[:4] == [
        Box(0, 0, 0.5, 0.5), Box(0.5, 0, 0.5, 0.5), Box(0, 0.5, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5)
    ]  # fmt: skip


@pytest.mark.parametrize(("shape", "cut"), [((100, 80), (50, 40)), ((1, 1), (1, 1)), ((3, 200), (2, 100))])
def test_a_part_is_never_empty(shape, cut):
    assert Box(0, 0, 0.5, 0.5).cut(np.zeros((*shape, 3), np.uint8)).shape == (*cut, 3)
