"""Signing in and out by the pages."""

from __future__ import annotations

from playwright.sync_api import expect


def test_by_name_and_password_and_out_again(opens, owner):
    window = opens()
    window.goto("/account/")
    window.fill("[name=username]", owner.username)
    window.fill("[name=password]", "a-wrong-guess-9")
    window.click("button[type=submit]")
    expect(window.locator("[role=alert]")).to_be_visible()
    window.fill("[name=password]", "secret-pass-1")
    window.click("button[type=submit]")
    window.wait_for_url("**/account/")
    expect(window.locator(".bar")).to_be_visible()
