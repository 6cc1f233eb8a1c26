"""A link is made in the settings of a collection, and whoever gets it looks, without an account and without scripts."""

from __future__ import annotations

PASSWORD = "a quiet garden"


def test_making_a_link_and_looking_by_it(opens, owner, birds, library):
    window = opens(owner, viewport={"width": 390, "height": 800})
    window.goto(f"/collections/{birds.pk}/settings/")
    window.fill("#links [name=name]", "A client with rather a long name")
    window.fill("#links [name=password]", PASSWORD)
    window.check("#links [name=downloads]")
    window.click("text=Make a link")
    address = window.inner_text(".secret code")
    theirs = opens(viewport={"width": 390, "height": 800}, java_script_enabled=False)
    theirs.goto(address)
    theirs.fill("[name=password]", PASSWORD)
    theirs.click("button")
    theirs.wait_for_selector("h1:has-text('Birds')")
    assert theirs.locator(".card").count() == len(library)
    theirs.locator(".card a").first.click()
    theirs.click("[rel=next]")
    theirs.click("[rel=prev]")
    with theirs.expect_download() as download:
        theirs.click("text=Download")
    assert download.value.suggested_filename == "blue.png"
    window.click("text=To the settings")
    window.click("#links >> text=End")
    window.wait_for_selector("#links .badge:has-text('Ended')")
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert theirs.request.get(address).status == 410
