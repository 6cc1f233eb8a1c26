"""Teaching a concept and judging alerts by keys in a real browser: kept at each key, the next dozen by itself."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from retrieval.models import Alert, ConceptExample
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import Clicks
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import watches
from retrieval.services.watching.watches import Least, WatchRequest

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN = "[data-asking=on] [data-item]:not(:has(:checked))"


def until(window, count):
    """Wait until so many questions are open."""
    expect(window.locator(OPEN)).to_have_count(count, timeout=15_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_concept_is_taught_by_keys_and_the_next_dozen_comes(opens, owner, library, width):
    row = concepts.create("Red", Clicks(yes=[library["red 0"].pk], no=[library["blue"].pk]), user=owner)
    window = opens(owner, viewport={"width": width, "height": 860})
    window.goto(f"/concepts/{row.pk}/")
    until(window, 12)
    assert window.evaluate(WIDER) <= 0
    for key in "yyyyynnnu":
        window.keyboard.press(key)
    window.wait_for_selector("text=6 are it, 4 are not")
    window.keyboard.press("s")  # of the last one nothing is said any more
    window.wait_for_selector("text=6 are it, 3 are not")
    for key in "nnnn":
        window.keyboard.press(key)
    until(window, 12)
    window.reload(wait_until="networkidle")
    until(window, 12)
    assert ConceptExample.objects.count() == 13


def test_alerts_are_judged_by_keys_until_nothing_waits(opens, owner, library):
    search = SearchRequest(images=(library["blue"].pk,))
    watch = watches.create(WatchRequest("Blue", search, Least(score=0.5)), user=owner)
    for shade in range(3):
        said = {"watch": watch, "image": library[f"red {shade}"], "score": 0.9, "threshold": 0.5, "encoder": "colours"}
        Alert.objects.create(id=uuid4(), **said)
    window = opens(owner)
    window.goto("/alerts/")
    until(window, 3)
    for key in "rws":
        window.keyboard.press(key)
    window.wait_for_selector("h2:has-text('Nothing waits for you.')")
    window.reload(wait_until="networkidle")
    assert sorted(Alert.objects.values_list("seen", "verdict")) == [(True, ""), (True, "right"), (True, "wrong")]
