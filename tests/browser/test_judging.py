"""Judging by a real browser: by keys, by clicks, on a phone, without scripts."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Judgement
from retrieval.services.evaluation import pools
from retrieval.services.evaluation.pools import PoolRequest
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import embed
from tests.web.library import put


@pytest.fixture
def boss(site):
    return UserFactory(username="boss", is_staff=True, is_superuser=True)


@pytest.fixture
def pool(boss, site):
    """Two queries among five pictures, as two encoders see them: eight answers."""
    mine = CollectionFactory(owner=boss, name="Mine")
    images = [put(mine, (40 * shade, 90, 200), encoder=site.encoder, title=f"shade {shade}") for shade in range(5)]
    second = EncoderFactory(name="second", dimension=3, state="retired")
    embed(images, encoder=second, raw=np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    return pools.draw(PoolRequest(mine, ("colours", "second"), queries=2), user=boss)


def grades():
    return list(Judgement.objects.order_by("judged_at").values_list("grade", flat=True))


def test_judged_by_keys_and_clicks(opens, boss, pool):
    window = opens(boss)
    window.goto("/encoders/")
    window.click("text=Judging")
    window.click("a:has-text('Mine')")
    window.wait_for_selector("text=0 of 8 pictures judged")
    for key, judged in (("2", 1), ("0", 2), ("1", 3)):
        window.keyboard.press(key)
        window.wait_for_selector(f"text={judged} of 8 pictures judged")
    assert grades() == [2, 0, 1]
    window.keyboard.press("u")
    window.wait_for_selector("text=2 of 8 pictures judged")
    first = window.input_value("[name=place]")
    window.keyboard.press("s")
    window.wait_for_function(f"() => document.querySelector('[name=place]').value !== '{first}'")
    for judged in range(3, 9):
        window.click("#grade-2")
        window.wait_for_selector(f"text={judged} of 8 pictures judged")
    window.wait_for_selector("text=Everything here is judged.")
    assert grades() == [2, 0, 2, 2, 2, 2, 2, 2]
    window.click("text=Measure by judgements")
    window.wait_for_selector("text=The measuring is in line.")


def test_judged_by_touch_on_a_phone_and_without_scripts(opens, boss, pool):
    window = opens(boss, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    window.goto(f"/judging/{pool.pk}/")
    box = window.locator("#grade-2").bounding_box()
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 844 - 56  # above the bar, without scrolling
    assert window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    window.tap("#grade-2")
    window.wait_for_selector("text=1 of 8 pictures judged")
    plain = opens(boss, java_script_enabled=False)
    plain.goto(f"/judging/{pool.pk}/")
    plain.click("#grade-0")
    plain.wait_for_selector("text=2 of 8 pictures judged")
    plain.click("text=Undo")
    plain.wait_for_selector("text=1 of 8 pictures judged")
