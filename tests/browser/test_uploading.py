"""Putting pictures in by a real browser: dropped, pasted, thousands at once, and without scripts."""

from __future__ import annotations

import io
import json

from PIL import Image as Picture

from retrieval.models import Collection, Image
from retrieval.work import jobs
from tests.browser.acts import drop, paste, shown
from tests.elsewhere import allow_only_it, serving
from tests.web.library import png

LEAVES = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def test_pictures_are_dropped_and_become_searchable(opens, owner):
    window = opens(owner)
    window.goto("/upload/")
    window.fill("[name=new]", "Dropped <b>")
    drop(window, red=png("red"), blue=png("blue"), again=png("red"), notes=b"no picture")
    window.wait_for_selector("text=4 of 4 sent")
    assert "1 already here" in window.inner_text("[data-totals]")
    assert "1 refused" in window.inner_text("[data-totals]")
    assert window.inner_text('li[data-state="refused"] .what')
    assert jobs.embed() == 2
    window.wait_for_selector("text=2 ready")
    assert window.evaluate(LEAVES) is True
    window.click("[data-see]")
    window.wait_for_selector("h1:has-text('Dropped <b>')")
    assert sorted(shown(window)) == ["blue", "red"]
    assert Collection.objects.count() == 1


def test_a_picture_is_fetched_from_an_address(opens, owner, birds, monkeypatch):
    allow_only_it(monkeypatch)
    with serving() as web:
        web.pages["/robin.png"] = png("red")
        window = opens(owner)
        window.goto(f"/upload/?collection={birds.id}")
        window.fill("[name=url]", f"{web.address}/robin.png")
        window.press("[name=url]", "Enter")
        window.wait_for_selector("text=1 of 1 sent")
        window.wait_for_function("() => document.querySelector('.preview[src*=thumbnails]')?.naturalWidth > 0")
        assert window.input_value("[name=url]") == ""
        window.fill("[name=url]", "http://10.0.0.1/")
        window.get_by_role("button", name="Fetch", exact=True).click()
        window.wait_for_selector('li[data-state="refused"]:has-text("open internet")')
    assert Image.objects.get().source_url == f"{web.address}/robin.png"


def test_what_the_browser_cannot_draw_is_shown_by_its_thumbnail(opens, owner, birds):
    window = opens(owner)
    window.goto(f"/upload/?collection={birds.id}")
    scan = io.BytesIO()
    Picture.new("RGB", (64, 48), "red").save(scan, "TIFF")
    window.set_input_files("#files", {"name": "scan.tiff", "mimeType": "image/tiff", "buffer": scan.getvalue()})
    window.wait_for_function("() => document.querySelector('.preview[src*=thumbnails]')?.naturalWidth > 0")


def test_a_pasted_picture_goes_in(opens, owner, birds):
    window = opens(owner)
    window.goto(f"/upload/?collection={birds.id}")
    paste(window, clipping=png("green"))
    window.wait_for_selector("text=1 of 1 sent")
    assert Image.objects.get().collection == birds


def test_five_thousand_files_do_not_freeze_the_page_and_leaving_warns(opens, owner, birds):
    window = opens(owner)
    window.goto(f"/upload/?collection={birds.id}")
    known = json.dumps({"name": "", "state": "known", "id": "", "collection": str(birds.id), "message": ""})
    answered = iter(range(100))  # the others stay on their way

    def answer(route):
        if next(answered, None) is not None:
            route.fulfill(body=known, content_type="application/json")

    window.route("**/upload/file/", answer)
    window.evaluate(
        """() => {
          const data = new DataTransfer()
          for (let n = 0; n < 5000; n += 1) data.items.add(new File(["x"], `picture-${n}.png`, { type: "image/png" }))
          const input = document.querySelector("#files")
          input.files = data.files
          input.dispatchEvent(new Event("change", { bubbles: true }))
        }"""
    )
    window.wait_for_selector("text=100 of 5000 sent")
    assert window.locator("[data-queue] li").count() < 60
    window.evaluate("document.querySelector('[data-queue]').scrollTop = 4000 * 56")
    window.wait_for_selector("text=picture-4000.png")
    assert window.locator("[data-queue] li").count() < 60
    assert window.evaluate(LEAVES) is False
    window.goto("about:blank")  # what is still on its way is given up


def test_uploading_and_searching_without_scripts(opens, owner, birds):
    window = opens(owner, java_script_enabled=False)
    window.goto("/upload/")
    pictures = [{"name": f"{name}.png", "mimeType": "image/png", "buffer": png(name)} for name in ("red", "blue")]
    window.set_input_files("#files", pictures)
    window.click("main button[type=submit]")
    window.wait_for_selector("text=Waiting to be read")
    jobs.embed()
    window.goto("/")
    window.set_input_files("#file", {"name": "q.png", "mimeType": "image/png", "buffer": png("blue", mark=9)})
    window.click("#drop button[type=submit]")
    window.wait_for_selector("#line")
    assert shown(window) == ["blue", "red"]
