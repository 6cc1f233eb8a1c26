"""Words on a picture in a real browser: found, marked where they stand at every zoom, hidden, copied."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from retrieval.models import ImageText
from retrieval.reading import TextLine
from retrieval.work import texts
from tests.web.library import put

BOXES = """() => [...document.querySelectorAll("[data-stage] [data-zoom]")].map((each) => {
  const box = each.getBoundingClientRect()
  return [box.left, box.top, box.width, box.height, each.naturalWidth, each.naturalHeight]
})"""


@pytest.fixture
def receipt(birds, site):
    """A page on which something stands, as it was read."""
    type(birds).objects.filter(pk=birds.pk).update(read_text=True)
    drawn = Pictures.new("RGB", (600, 800), "white")
    lines = ["GARDENIA BAKERIES", "Green tea and biscuits", "Total 12.50"]
    for row, line in enumerate(lines):
        ImageDraw.Draw(drawn).text((40, 60 + 120 * row), line, font=ImageFont.load_default(40), fill="black")
    data = io.BytesIO()
    drawn.save(data, "PNG")
    image = put(birds, encoder=site.encoder, data=data.getvalue(), title="scan", width=600, height=800)
    read = [TextLine(line, 0.06, (55 + 120 * row) / 800, 0.75, 0.07, 0.9) for row, line in enumerate(lines)]
    ImageText.objects.bulk_create([texts.row(image, read)])
    return image


def test_words_are_found_marked_hidden_and_copied(opens, owner, receipt):
    window = opens(owner)
    window.goto("/?q=biscuits")
    window.click("[data-card]")
    window.wait_for_selector("#marks:visible")
    assert window.inner_text(".read mark") == "Green tea and biscuits"
    picture, marks = window.evaluate(BOXES)
    assert picture == marks
    window.click("[data-scale=in]")
    picture, marks = window.evaluate(BOXES)
    assert picture == marks
    assert picture[2] > 600
    window.click("[data-marks]")
    assert not window.is_visible("#marks")
    assert window.get_attribute("[data-marks]", "aria-pressed") == "false"
    window.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    window.goto(f"/pictures/{receipt.pk}/")
    assert not window.is_visible("#marks")
    window.click(".read [data-copy]")
    window.wait_for_selector("text=Copied.")
    assert window.evaluate("getSelection().toString()").splitlines()[0] == "GARDENIA BAKERIES"
