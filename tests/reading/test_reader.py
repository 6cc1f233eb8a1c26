"""Printed words are read from pictures, with their places; English, Chinese, and pages that lie on their side."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval import reading
from retrieval.errors import Unavailable
from retrieval.reading import reader

needs_weights = pytest.mark.skipif(not reading.is_installed(), reason="make extras brings the weights")
LINES = ["INVOICE No. 4711", "Green tea and biscuits", "Total 12.50 EUR"]


def page():
    drawn = Image.new("RGB", (800, 500), "white")
    pen = ImageDraw.Draw(drawn)
    for row, line in enumerate(LINES):
        pen.text((40, 60 + 120 * row), line, font=ImageFont.load_default(40), fill="black")
    return np.asarray(drawn)


@needs_weights
def test_printed_lines_are_read_where_they_are():
    found = reading.read(page())
    assert [line.text for line in found] == LINES
    assert min(line.score for line in found) > 0.9
    for row, line in enumerate(found):
        assert line.x <= 40 / 800 <= line.x + 0.05
        assert line.y <= (75 + 120 * row) / 500 <= line.y + line.h
        assert 0 < line.w < 0.65


@needs_weights
@pytest.mark.parametrize("quarters", [1, 3])
def test_a_page_on_its_side_is_read(quarters):
    found = reading.read(np.rot90(page(), quarters))
    assert {line.text for line in found} == set(LINES)
    assert all(line.h > line.w for line in found)


@needs_weights
def test_the_recogniser_knows_chinese_and_every_class_has_its_character():
    known = reader._reader()._characters
    assert set("中文图片搜索發票") <= set(known)
    assert len(known) == reader._reader()._recogniser.output(0).get_partial_shape()[2].get_length()


@needs_weights
@pytest.mark.parametrize("shape", [(20, 20, 3), (1, 3_000, 3)])
def test_a_picture_without_words_has_none(shape):
    assert reading.read(np.zeros(shape, np.uint8)) == []


@pytest.mark.parametrize(
    ("size", "side"), [((3_000, 4_000), 1_024), ((300, 200), 1_024), ((100, 10_000), 141), ((1, 60_000_000), 1)]
)
def test_a_picture_that_is_read_has_a_bounded_size(size, side):
    assert reading.short_side(*size) == side


@pytest.mark.parametrize("found", [None, "without weights"])
def test_without_the_weights_it_is_said_what_brings_them(monkeypatch, tmp_path, found):
    spec = found and importlib.util.spec_from_file_location("rapidocr", submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert not reading.is_installed()
    with pytest.raises(Unavailable, match="make extras") as raised:
        reader._reader.__wrapped__()
    assert raised.value.code == "reading_missing"
