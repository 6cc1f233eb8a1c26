"""Boxes to ask for besides the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retrieval.matching.parts import Box, likely_parts, standing_out
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


def test_quarters_and_middle_are_asked_for_as_well():
    assert likely_parts(np.full((100, 80, 3), 255, np.uint8))[:4] == [
        Box(0, 0, 0.5, 0.5), Box(0.5, 0, 0.5, 0.5), Box(0, 0.5, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5)
    ]  # fmt: skip


@pytest.mark.parametrize(("shape", "cut"), [((100, 80), (50, 40)), ((1, 1), (1, 1)), ((3, 200), (2, 100))])
def test_a_part_is_never_empty(shape, cut):
    assert Box(0, 0, 0.5, 0.5).cut(np.zeros((*shape, 3), np.uint8)).shape == (*cut, 3)
