"""Copies reviewed by keys in a real browser: flicker, keep one, undo, and nothing wider than the window."""

from __future__ import annotations

import pytest

from retrieval.models import CopyPair, Image
from tests.matching.conftest import scene
from tests.services.test_same import data_of
from tests.web.library import put

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The buttons of a card lie over its picture until it is pointed at; these never.
SEEN = "(style => [style.position, style.opacity])(getComputedStyle(document.querySelector('.copies form')))"
CORNERS = [[0.28, 0.29], [0.84, 0.29], [0.84, 0.87], [0.28, 0.87]]
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]


@pytest.fixture
def pair(birds, site):
    """An original and a part of it."""
    made = []
    for name, picture in (("whole", scene(50)), ("part", scene(50).crop((90, 70, 270, 210)))):
        width, height = picture.size
        made.append(put(birds, encoder=site.encoder, data=data_of(picture), title=name, width=width, height=height))
    said = {"verdict": "same_image", "probability": 0.99, "edit": ["cropped"]}
    CopyPair.objects.create(one=made[0], other=made[1], **said, outline=CORNERS, other_outline=WHOLE)
    return made


@pytest.mark.parametrize("width", [390, 1280])
def test_a_pair_is_decided_by_keys_and_taken_back(opens, owner, pair, width):
    window = opens(owner, viewport={"width": width, "height": 860})
    window.goto("/copies/")
    assert window.locator(".line b").inner_text() == "The same picture: cropped"
    assert window.evaluate(WIDER) <= 0
    assert window.evaluate(SEEN) == ["static", "1"]
    window.keyboard.press("Space")
    assert window.locator(".side.behind").count() == 1
    window.keyboard.press("1")
    window.wait_for_selector("text=No copies here.")
    assert list(Image.objects.alive()) == [pair[0]]
    window.keyboard.press("u")
    window.wait_for_selector("text=Keep left")
    assert Image.objects.alive().count() == 2
