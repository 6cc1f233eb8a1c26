"""Sharing, deleting, phones, dark, Chinese, and everything by keys, in a real browser."""

from __future__ import annotations

import io

from PIL import Image as Pillow
from playwright.sync_api import expect

from retrieval.ingest import files
from retrieval.models import AuditEvent
from retrieval.services.people import sign_in_link
from tests.browser.acts import choose, shown
from tests.factories import UserFactory
from tests.web.library import put


def brightness(window):
    """The lightness of the page's ground, 0 to 255."""
    colour = window.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return max(int(part) for part in colour.strip("rgba()").split(",")[:3])


def overflow(window):
    """By how many pixels the page is wider than the window."""
    return window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_shared_and_seen_by_another_person(opens, owner, birds, library):
    guest = UserFactory(username="guest")
    window, other = opens(owner), opens(guest)
    assert shown(other) == []
    window.goto(f"/collections/{birds.id}/settings/")
    window.check("input[value=shared]")
    window.click("text=Save")
    window.fill("[name=username]:visible", "guest")
    window.click("text=Ask to join")
    window.wait_for_selector(".people .badge:has-text('asked')")
    other.goto("/?q=green")
    assert shown(other) == []
    other.goto("/collections/")
    other.click("text=Accept")
    other.wait_for_selector("h1:has-text('Birds')")
    other.goto("/?q=green")
    assert shown(other) == ["green"]
    other.click("[data-card]")
    other.wait_for_selector("[data-stage]")
    assert other.locator("text=Delete").count() == 0


def test_deleted_and_undone(opens, owner, library):
    window = opens(owner)
    window.goto(f"/pictures/{library['blue'].id}/")
    window.wait_for_load_state("networkidle")  # a part that loads later would find the picture gone
    window.click("button:has-text('Delete')")
    window.click("button:has-text('Undo')")
    window.wait_for_selector("text=The picture is back.")
    assert window.input_value("[name=title]") == "blue"


def test_words_are_edited_in_place(opens, owner, library):
    window = opens(owner)
    window.goto(f"/pictures/{library['blue'].id}/")
    window.fill("[name=title]", "Sea")
    window.keyboard.press("Tab")
    window.wait_for_selector("text=Saved.")
    window.wait_for_selector("#similar-title ~ .grid")
    window.reload()
    assert window.input_value("[name=title]") == "Sea"


def test_on_a_phone(opens, owner, library):
    window = opens(owner, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    places = window.locator(".places .place:visible")
    assert places.count() == 5
    assert all(box["y"] > 760 for box in (place.bounding_box() for place in places.all()))
    choose(window, "green")
    assert shown(window)[0] == "green"
    assert window.locator(".card >> nth=0").bounding_box()["y"] < 300  # results first: the query is a strip
    assert not window.is_visible(".options")
    window.tap("[data-options]")
    with window.expect_response("**/"):
        window.check("input[value=euclidean]", force=True)
    window.tap("[data-options-done]")
    assert not window.is_visible(".options")
    for path in ("/", "/upload/", "/collections/", "/activity/", "/account/", f"/pictures/{library['blue'].id}/"):
        window.goto(path)
        assert overflow(window) <= 0, path


def test_dark_follows_the_system_and_can_be_switched(opens, owner):
    window = opens(owner, color_scheme="dark")
    assert brightness(window) < 60
    window.goto("/account/")
    with window.expect_response("**/account/theme/"):
        window.check("input[value=light]", force=True)
    assert brightness(window) > 200
    window.goto("/")
    assert brightness(window) > 200


def test_in_chinese_and_back(opens, owner, library):
    window = opens(owner, locale="zh-CN")
    window.wait_for_selector("text=拖入、粘贴或选择一张图片")
    choose(window, "green")
    assert "精确" in window.inner_text("#line")
    window.goto("/account/")
    window.click("button:has-text('English')")
    window.wait_for_selector("text=Look and language")


def test_everything_by_keys(opens, owner, library):
    window = opens(owner)
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.className") == "skip"
    window.keyboard.press("/")
    window.keyboard.type("red")
    window.keyboard.press("Enter")
    window.wait_for_url("**/?q=red")
    window.evaluate("document.activeElement.blur()")
    window.keyboard.press("ArrowDown")
    first = window.evaluate("document.activeElement.dataset.card")
    window.keyboard.press("ArrowRight")
    second = window.evaluate("document.activeElement.dataset.card")
    assert first != second
    window.keyboard.press("ArrowDown")
    assert window.evaluate("document.activeElement.dataset.card") not in {first, second}
    window.keyboard.press("ArrowUp")
    window.keyboard.press("Enter")
    window.wait_for_selector("[data-stage]")
    window.evaluate("document.activeElement.blur()")
    here = window.url
    window.keyboard.press("ArrowRight")
    window.wait_for_url(lambda url: url != here)
    window.keyboard.press("?")
    assert window.is_visible("#help")
    window.keyboard.press("Escape")
    assert not window.is_visible("#help")


def test_the_first_link_leads_to_a_password_and_the_search(opens, site):
    token = sign_in_link.issue(UserFactory(username="admin"))
    window = opens()
    window.goto(f"/first/{token}")
    window.click("button:has-text('Sign in with this link')")
    window.fill("[name=new_password1]", "quiet-gallery-7")
    window.fill("[name=new_password2]", "quiet-gallery-7")
    window.click("button:has-text('Keep this password')")
    window.wait_for_selector("text=No pictures yet")


def test_the_zoom_shows_the_original_and_two_are_put_side_by_side(opens, owner, birds, site):
    """A TIFF of 16 bits, which no browser shows: the zoom has its pixels, a window of its own the whole of it."""
    data = io.BytesIO()
    Pillow.new("I;16", (2_400, 1_600), 0x8000).save(data, "TIFF")
    said = {"title": "scan", "width": 2_400, "height": 1_600, "format": "TIFF"}
    large = put(birds, data=data.getvalue(), encoder=site.encoder, **said)
    Pillow.new("RGB", (1_280, 853), "grey").save(files.thumbnail(large.pk, large.sha256, size=1280), "JPEG")
    blue = put(birds, "blue", encoder=site.encoder, title="blue")
    window, asked = opens(owner), []
    window.on("request", lambda request: "/media/full/" in request.url and asked.append(request.url))
    window.goto(f"/pictures/{large.pk}/", wait_until="networkidle")
    assert asked == []
    small = window.locator("[data-zoom]").bounding_box()
    for _ in range(4):
        window.keyboard.press("+")
    expect(window.locator("[data-zoom]")).to_have_js_property("naturalWidth", 2_400)
    window.keyboard.press("0")
    assert window.locator("[data-zoom]").bounding_box() == small
    window.keyboard.press("+")
    assert len(asked) == 1
    with window.expect_popup() as opened:
        window.click("text=Full size")
    assert opened.value.evaluate("document.images[0].naturalWidth") == 2_400
    opened.value.close()
    assert AuditEvent.objects.filter(action="image.viewed", actor=owner, object_id=str(large.pk)).count() == 1
    window.goto(f"/collections/{birds.pk}/", wait_until="networkidle")
    for image in (large, blue):
        window.locator(f"[data-pick][value='{image.pk}']").check(force=True)
    window.click("text=Side by side")
    window.wait_for_selector(f"[data-pair] a[href='/pictures/{blue.pk}/']")
    assert window.locator("[data-pair] img").count() == 2
