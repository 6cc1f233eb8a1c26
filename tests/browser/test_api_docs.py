"""The page that describes the API, in a real browser: shown under the strict policy, from this host alone."""

from __future__ import annotations

from playwright.sync_api import expect


def test_the_calls_are_shown_and_open(opens):
    window = opens()
    window.goto("/api/v1/docs/")
    # Of so many calls only those in sight are in the page.
    window.locator(".opblock-summary-control").first.click()
    window.wait_for_selector(".opblock-body")


def test_it_is_dark_where_the_system_is(opens):
    window = opens()
    window.emulate_media(color_scheme="dark")
    window.goto("/api/v1/docs/")
    window.wait_for_selector(".opblock")
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(window.evaluate(shade)) < 60
    window.emulate_media(color_scheme="light")
    expect(window.locator("html")).not_to_have_class("dark-mode")
    assert min(window.evaluate(shade)) > 200
