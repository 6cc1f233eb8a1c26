"""Signing in by the page; other journeys begin with the cookie."""

from __future__ import annotations

from playwright.sync_api import expect


def test_by_name_and_password_and_on_to_the_page_that_was_asked_for(opens, owner):
    window = opens()
    window.goto("/account/")
    window.fill("[name=username]", owner.username)
    window.fill("[name=password]", "secret-pass-1")
    window.click("button[type=submit]")
    window.wait_for_url("**/account/")
    expect(window.locator(".bar")).to_be_visible()
