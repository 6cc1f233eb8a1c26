"""What the grid says of how sure the hits are: words where a band begins, likely ones counted, nothing folded."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Encoder
from tests.web.library import upload

PART = {"HX-Request": "true"}
BAND = re.compile(r'<li class="band">([^<]+)</li>')


def calibration(*, nothing_below=-1.0):
    """Hits above a cosine of .9 are very likely right, others hardly."""
    return {
        "strangers": {"x": [0.9, 0.91], "y": [0.0, -2.0]},
        "right": {"x": [-2.0, 0.0], "y": [1.0, 0.1]},
        "growth": 0.0,
        "nothing_below": nothing_below,
        "fitted_on": {},
    }


@pytest.fixture
def calibrated(four, encoder):
    Encoder.objects.update(calibration=calibration())


def text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_words_stand_where_a_band_begins(page, calibrated):
    shown = text(page.post("/", {"file": upload("red", mark=9)}))
    assert BAND.findall(shown) == ["Very alike", "Weak"]
    assert "Likely matches: 1" in shown
    assert re.search(r'aria-label="red, score [^"]+, Very alike"', shown)


def test_the_same_bytes_are_called_the_same_file(page, calibrated):
    assert BAND.findall(text(page.post("/", {"file": upload("red")}))) == ["The same file", "Weak"]


def test_what_comes_after_goes_on_in_its_band(page, calibrated):
    more = {"file": upload("red", mark=9), "offset": 2, "band": "weak"}
    assert BAND.findall(text(page.post("/", more, headers=PART))) == []
    more = {"file": upload("red", mark=9), "offset": 2, "band": "very_alike"}
    assert BAND.findall(text(page.post("/", more, headers=PART))) == ["Weak"]


def test_nothing_that_looks_like_it_is_said_and_the_nearest_are_folded(page, four):
    Encoder.objects.update(calibration=calibration(nothing_below=2.0))
    shown = text(page.post("/", {"file": upload("red", mark=9)}))
    assert shown.count("Nothing here really looks like it") == 2
    folded = shown[shown.index("<details") : shown.index("</details>", shown.index('class="folded"'))]
    assert "data-card=" in shown[shown.index('class="folded"') :]
    assert "Likely matches" not in folded


def test_without_a_calibration_the_page_says_so(page, four):
    shown = text(page.post("/", {"file": upload("red", mark=9)}))
    assert "not calibrated" in shown
    assert BAND.findall(shown) == []
    assert "not calibrated" not in text(page.get("/?q=red"))
