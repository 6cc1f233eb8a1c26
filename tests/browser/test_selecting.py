"""Many pictures selected by mouse, keys, a frame and a long press, changed at once and taken back, in a browser."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import expect

from retrieval.models import Membership
from retrieval.services.images import collections
from retrieval.services.images.collections import CollectionChanges
from retrieval.web import paging
from tests.browser.acts import shown
from tests.browser.test_troubles import forgive
from tests.factories import UserFactory

CLICK = "element => element.click()"  # what is fixed to an edge of so small a window may lie over it


def count(window):
    return window.locator("[data-pick]:checked").count()


def test_by_mouse_keys_and_frame_and_taken_back(opens, owner, birds, library):
    window = opens(owner)
    window.goto(f"/collections/{birds.id}/", wait_until="networkidle")
    before = shown(window)
    assert not window.is_visible(".selection")
    window.check(".card >> nth=2 >> [data-pick]", force=True)
    window.click(".card >> nth=6 >> .open", modifiers=["Shift"])
    assert window.inner_text("[data-count]") == "5 selected"
    window.keyboard.press("Escape")
    assert (count(window), window.is_visible(".selection")) == (0, False)
    grid = window.locator("[data-grid]").bounding_box()
    window.mouse.move(grid["x"] - 12, grid["y"] - 4)
    window.mouse.down()
    window.mouse.move(grid["x"] + 400, grid["y"] + 40, steps=4)
    window.mouse.up()
    assert 1 <= count(window) < 5
    window.keyboard.press("Control+a")
    assert count(window) == 32
    window.click(".selection summary >> nth=0")
    window.fill(".pop [name=tags]", "garden")
    window.keyboard.press("Enter")
    window.wait_for_selector(".notice:has-text('Tagged: 32.')")
    window.focus("[data-card] >> nth=0")
    window.keyboard.press("x")
    window.click(".selection [value=delete]")
    window.wait_for_selector(".notice:has-text('Deleted: 1.')")
    assert window.locator(".card:visible").count() == 31
    window.click(".notice .link")
    window.wait_for_selector(".notice:has-text('Taken back: 1.')")
    window.reload()
    assert shown(window) == before


def test_by_a_long_press_on_a_phone(opens, owner, library):
    window = opens(owner, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    window.goto("/?q=red", wait_until="networkidle")
    here = window.url
    box = window.locator(".card >> nth=0").bounding_box()
    touch = window.context.new_cdp_session(window)
    point = {"x": box["x"] + 40, "y": box["y"] + 40}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    window.wait_for_selector(".selection.on")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    window.tap(".card >> nth=1")
    assert (count(window), window.url) == (2, here)
    window.tap("[data-select-all]:has-text('All 30')")
    window.wait_for_selector("[data-count]:has-text('30 selected')")
    assert window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_what_leaves_a_long_grid_stays_selected_and_is_come_back_to(opens, owner, birds, library, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 8)
    months = [datetime(2019, 2 + rank // 16, 1, tzinfo=UTC) for rank in range(32)]
    for image, taken in zip(birds.images.order_by("title"), months, strict=True):
        birds.images.filter(pk=image.pk).update(taken_at=taken)
    window = opens(owner, viewport={"width": 600, "height": 400})
    window.goto(f"/collections/{birds.id}/?sort=taken_first", wait_until="networkidle")
    cards = window.locator("[data-grid] .card")
    assert cards.first.get_attribute("aria-setsize") == "32"
    cards.first.locator("[data-pick]").evaluate(CLICK)
    window.click("[data-rail] [data-month='2019-03']")
    march = window.locator(".card[aria-posinset='17']")
    expect(march).to_be_in_viewport()
    expect(window.locator("[data-rail] [aria-current]")).to_contain_text("Mar")
    expect(window.locator(".card[aria-posinset='1']")).to_have_count(0)
    assert cards.count() < 32
    assert (count(window), window.inner_text("[data-count]")) == (0, "1 selected")
    window.keyboard.press("Control+a")
    march.locator("[data-pick]").evaluate(CLICK)
    assert window.inner_text("[data-count]") == "31 selected"
    window.click(".selection summary >> nth=0")
    window.fill(".pop [name=tags]", "garden")
    window.keyboard.press("Enter")
    window.wait_for_selector(".notice:has-text('Tagged: 31.')")
    march.locator(".open").click()
    window.wait_for_selector("[data-stage]")
    window.go_back()
    expect(march.locator(".open")).to_be_focused()
    expect(march).to_be_in_viewport()
    assert "near=" in window.url
    window.evaluate("scrollTo(0, 0)")
    expect(march).not_to_be_in_viewport()
    window.keyboard.press("ArrowRight")  # beside the card that has the focus, though that is far from the window
    expect(window.locator(".card[aria-posinset='18'] .open")).to_be_focused()
    window.emulate_media(media="print")
    expect(march).to_have_css("position", "relative")  # no paper for what is not here


def test_a_long_grid_that_one_may_not_see_any_more_asks_no_further(opens, birds, library, monkeypatch, troubles):
    monkeypatch.setattr(paging, "PAGE", 4)
    collections.edit(birds, user=birds.owner, changes=CollectionChanges(visibility="shared"))
    guest = UserFactory()
    membership = Membership.objects.create(collection=birds, user=guest, role="viewer")
    window, asked = opens(guest, viewport={"width": 600, "height": 300}), []
    window.clock.install()
    window.goto(f"/collections/{birds.id}/", wait_until="networkidle")
    window.on("response", lambda answer: "at=" in answer.url and asked.append(answer.status))
    membership.delete()
    window.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    window.wait_for_selector(".notice:has-text('This collection is not here for you any more.')")
    window.wait_for_load_state("networkidle")
    so_far = len(asked)
    for part in (0.5, 1, 0.7):
        window.evaluate("part => scrollTo(0, part * document.documentElement.scrollHeight)", part)
        window.clock.run_for(10_000)
        window.wait_for_load_state("networkidle")
    assert (set(asked), len(asked)) == ({404}, so_far)
    window.close()  # what the browser writes of the last answers comes before this, or not at all
    forgive(troubles)
