"""How a file's name becomes a title."""

from __future__ import annotations

import unicodedata

import pytest

from retrieval.services.images.image_fields import ImageChanges, checked, title_of

NAMES = {
    "St. Peter": "St. Peter",
    "Dr. No.jpg": "Dr. No",
    "2024.12.24": "2024.12.24",
    "holiday.beach.JPEG": "holiday.beach",
    "scan.tiff": "scan",
    "folder\\photo.webp": "photo",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.jpg": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f468\u200d\U0001f469 family.jpg": "\U0001f468\u200d\U0001f469 family",
    "a\u202egpj.jpg": "agpj",
    ".jpg": ".jpg",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_title_is_the_name_without_the_ending_of_a_picture(name):
    assert title_of(name) == NAMES[name]


def test_words_are_kept_composed():
    apart = unicodedata.normalize("NFD", "Müll")
    assert title_of(f"{apart}.jpg") == "Müll"
    assert checked(ImageChanges(title=apart, caption=apart, tags=[apart, "Müll"])) == {
        "title": "Müll",
        "caption": "Müll",
        "tags": ["Müll"],
    }
