"""The page that describes the API, in a real browser: shown under the strict policy, from this host alone."""

from __future__ import annotations

from playwright.sync_api import expect


def test_the_calls_are_shown_and_open(opens):
    window = opens()
    window.goto("/api/v1/docs/")
    window.wait_for_selector(".opblock-tag-section")
    window.click("#operations-search-search_create .opblock-summary-control")
    window.wait_for_selector("#operations-search-search_create .opblock-body")


def test_it_is_dark_where_the_system_is(opens):
    window = opens()
    window.emulate_media(color_scheme="dark")
    window.goto("/api/v1/docs/")
    window.wait_for_selector(".opblock-tag-section")
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(window.evaluate(shade)) < 60
    window.emulate_media(color_scheme="light")
    expect(window.locator("html")).not_to_have_class("dark-mode")
    assert min(window.evaluate(shade)) > 200
