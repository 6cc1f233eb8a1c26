"""The same thing and why, in a real browser: the window that a score opens, its keys, and a file that is not kept."""

from __future__ import annotations

import pytest

from retrieval.work import features
from tests.matching.conftest import scene
from tests.services.test_same import data_of
from tests.web.library import put

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OVER = """dialog => { const [drawn, shown] = ['.drawn', 'img'].map(name =>
  dialog.querySelector(name).getBoundingClientRect()); return Math.abs(drawn.width - shown.width) +
  Math.abs(drawn.left - shown.left) + Math.abs(drawn.top - shown.top) }"""


@pytest.fixture
def scenes(birds, site):
    """Three ready pictures in a collection that keeps details."""
    birds.local_features = True
    birds.save()
    for seed in (50, 51, 52):
        width, height = scene(seed).size
        put(birds, encoder=site.encoder, data=data_of(scene(seed)), title=f"scene {seed}", width=width, height=height)
    features.work()


def ask(window, seed=51):
    copy = data_of(scene(seed).crop((90, 70, 270, 210)))
    window.set_input_files("#file", {"name": "query.png", "mimeType": "image/png", "buffer": copy})
    window.wait_for_selector("#line")
    if window.is_visible("[data-options]"):
        window.click("[data-options]")
    window.check("[name=mode][value=same]", force=True)
    window.wait_for_selector("text=The same: 1")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_score_opens_both_pictures_with_their_outline(opens, owner, scenes, width):
    window = opens(owner, viewport={"width": width, "height": 860})
    window.goto("/")
    ask(window)
    window.keyboard.press("Escape")
    window.click(".score.asks")
    window.wait_for_selector("#why [data-why]")
    assert window.eval_on_selector("#why [data-sent]", "image => image.src").startswith("blob:")
    assert window.locator("#why polygon:not(.under)").count() == 2
    assert window.eval_on_selector("#why .frame", OVER) < 1
    assert window.evaluate(WIDER) <= 0
    window.keyboard.press("o")
    assert not window.is_visible("#why .outline >> nth=0")
    window.keyboard.press("Escape")
    assert not window.is_visible("#why")
    assert window.url.endswith("/")


def test_space_flickers_and_leads_back_side_by_side(opens, owner, scenes):
    window = opens(owner)
    window.goto("/")
    ask(window)
    window.click(".score.asks")
    window.wait_for_selector("#why [data-why]")
    for behind in (0, 1, 0):
        window.keyboard.press(" ")
        assert [window.is_visible(f"#why .side >> nth={side}") for side in (0, 1)] == [behind == 1, behind == 0]
    window.keyboard.press("b")
    assert all(window.is_visible(f"#why .side >> nth={side}") for side in (0, 1))
    assert window.is_visible("#why")


def test_what_goes_wrong_is_said_and_not_hidden_by_the_window(opens, owner, library, troubles):
    window = opens(owner)
    window.goto(f"/?image={library['blue'].id}")
    gone = library["green"].id
    library["green"].delete()
    window.click(f"a.score[href*='{gone}']")
    window.wait_for_selector("#notice [data-notice]")
    assert not window.is_visible("#why")
    assert all("404" in trouble for trouble in troubles)
    troubles.clear()
