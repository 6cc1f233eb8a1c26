"""Boxes that keep their place, and long names that widen nothing, in a real browser."""

from __future__ import annotations

import pytest

from retrieval.models import TrainingRun
from retrieval.services.images import share_links
from retrieval.services.images.share_links import LinkRequest
from tests.browser.acts import choose
from tests.factories import CollectionFactory, UserFactory
from tests.web.library import put

LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAST_ITS_EDGE = """panel => [...panel.querySelectorAll('.crop, .switch, .picker, .chip')]
  .filter(part => part.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1).length"""


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_long_names_widen_nothing(opens, owner, site, library, width):
    odd = CollectionFactory(owner=owner, name=LONG)
    words = {"title": LONG, "tags": [LONG[:100]], "caption": LONG, "source_url": f"https://example.org/{LONG}"}
    image = put(odd, "green", encoder=site.encoder, **words)
    secret, _ = share_links.make(odd, user=owner, wanted=LinkRequest(name=LONG[:100]))
    window = opens(owner, viewport={"width": width, "height": 860})
    for path in (f"/shared/{secret}/", f"/shared/{secret}/pictures/{image.id}/"):
        window.goto(path)
        assert window.evaluate(WIDER) <= 0, path
    for path in (f"/pictures/{image.id}/", f"/collections/{odd.id}/", f"/collections/{odd.id}/settings/", "/activity/"):
        window.goto(path)
        assert window.evaluate(WIDER) <= 0, path
    window.goto(f"/?image={image.id}&collection={odd.id}&tag={LONG[:100]}")
    assert window.evaluate(WIDER) <= 0
    assert window.eval_on_selector(".panel", PAST_ITS_EDGE) == 0


def test_a_curve_of_a_training_fits_a_phone(opens, owner, library):
    points = [{"step": step, "seconds": 1.0, "values": {"loss": 2.0 - step / 100}} for step in (10, 20, 30)]
    boss = UserFactory(is_staff=True, is_superuser=True)
    run = TrainingRun.objects.create(
        user=boss, collection=CollectionFactory(owner=boss), name="mine", recipe="arcface", config={}, curve=points
    )
    window = opens(boss, viewport={"width": 390, "height": 860})
    window.goto(f"/training/{run.pk}/")
    assert window.is_visible("figure svg")
    assert window.evaluate(WIDER) <= 0


def test_the_query_picture_has_its_box_before_it_comes(opens, owner, library):
    window = opens(owner)
    kept = []

    def keep(route):
        kept.append(route)

    window.route("**/media/thumbnails/*/1280", keep)
    window.goto(f"/?image={library['blue'].id}", wait_until="domcontentloaded")
    box = window.locator("[data-crop]")
    before = box.bounding_box()
    assert before["height"] == pytest.approx(before["width"] * 40 / 60, abs=1)
    kept[0].continue_()
    window.wait_for_load_state("networkidle")
    assert box.bounding_box() == before


def test_words_typed_on_the_front_page_bring_the_panel_along(opens, owner, library):
    window = opens(owner)
    window.fill("#words-field", "green")
    window.keyboard.press("Enter")
    window.wait_for_selector("#line")
    assert window.is_visible(".options")
    assert not window.is_visible(".options .switch")  # words have no measure
    with window.expect_response("**/"):
        choose(window, "green")
    window.wait_for_selector(".options .switch")
    window = opens(owner)  # the same address in the same window would bring the last search back
    window.focus("#words-field")
    with window.expect_response("**/"):
        window.keyboard.press("Enter")
    assert not window.is_visible(".options")


def test_a_token_is_copied_where_the_browser_offers_no_clipboard(opens, owner):
    window = opens(owner)
    window.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    window.goto("/account/")
    window.fill("form[action$='/tokens/'] [name=name]", "scripts")
    window.click("text=Make a token")
    window.click("[data-copy]")
    window.wait_for_selector("text=Copied.")
    assert window.evaluate("getSelection().toString()") == window.inner_text(".secret code")
    window.click("[data-help]")
    assert window.is_visible("#help")
