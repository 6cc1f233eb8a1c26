"""The admin site in a real browser: what its pages do they still do under a policy that lets nothing be evaluated."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from retrieval.admin.images import ImageAdmin

SIDEBAR = "#nav-sidebar"


@pytest.fixture
def pictures(opens, boss, library, monkeypatch):
    """The list of pictures, in pages of twenty."""
    monkeypatch.setattr(ImageAdmin, "list_per_page", 20)
    window = opens(boss)
    window.goto("/admin/retrieval/image/", wait_until="networkidle")
    return window


def palette(window):
    """Its field, opened by keys and with the focus; it asks for that once, in vain where a page is 20 ms slow."""
    field = window.locator("[x-ref=searchInputCommand]")
    for _ in range(20):
        window.keyboard.press("Control+k")
        expect(field).to_be_visible()
        window.wait_for_timeout(200)
        if field.evaluate("field => field === document.activeElement"):
            break
        field.press("Escape")
    expect(field).to_be_focused()
    return field


def test_the_palette_finds_a_page_and_goes_there(pictures):
    window = pictures
    field = palette(window)
    field.press_sequentially("encod")
    expect(window.locator("#command-results li").first).to_contain_text("Encoder")
    field.press("ArrowDown")
    expect(window.locator("#command-results li.active")).to_have_count(1)
    field.press("Enter")
    window.wait_for_url("**/admin/retrieval/encoder/")
    field = palette(window)
    field.press("Escape")
    expect(field).to_be_hidden()


def test_the_sidebar_closes_and_stays_closed(pictures):
    window = pictures
    toggle = window.locator("[x-on\\:click^='sidebarDesktopOpen']")
    expect(window.locator(SIDEBAR)).to_be_visible()
    toggle.click()
    expect(window.locator(SIDEBAR)).to_be_hidden()
    window.reload(wait_until="networkidle")
    expect(window.locator(SIDEBAR)).to_be_hidden()
    toggle.click()
    expect(window.locator(SIDEBAR)).to_be_visible()


def test_the_theme_is_chosen_and_kept(pictures):
    window = pictures
    menu = window.locator("[x-on\\:click='openUserLinks = !openUserLinks']")
    for theme, classes in (("dark", re.compile("dark")), ("light", re.compile("light"))):
        menu.click()
        window.locator(f"[x-on\\:click=\"switchTheme('{theme}')\"]").click()
        expect(window.locator("html")).to_have_class(classes)
        window.reload(wait_until="networkidle")
        expect(window.locator("html")).to_have_class(classes)


def test_filters_open_and_are_applied(pictures):
    window = pictures
    window.locator("[x-on\\:click='filterOpen = true']").first.click()
    drawer = window.locator("#changelist-filter")
    expect(drawer).to_be_visible()
    drawer.get_by_text("PNG", exact=True).click()
    window.wait_for_url("**format=PNG**")
    window.locator("[x-on\\:click='filterOpen = true']").first.click()
    window.fill("[name=created_at_from_0]", "2001-01-01")
    window.get_by_role("button", name="Apply").click()
    window.wait_for_url("**created_at_from_0=2001-01-01**")
    window.keyboard.press("/")
    window.keyboard.type("green")
    window.keyboard.press("Enter")
    window.wait_for_url("**q=green**")
    expect(window.locator("#result_list tbody")).to_have_count(1)


def test_rows_are_chosen_and_an_action_is_done(pictures):
    window = pictures
    bar = window.locator("#changelist-actions")
    assert float(bar.evaluate("bar => bar.style.width").removesuffix("px")) > 500
    window.locator("#action-toggle").check()
    button = bar.get_by_role("button", name="Run")
    expect(button).to_be_hidden()
    bar.locator("select[name=action]").select_option("embed_again")
    button.click()
    expect(window.get_by_text("pictures will be embedded again.")).to_be_visible()


def test_pages_are_turned(pictures):
    window = pictures
    window.get_by_role("link", name="2", exact=True).click()
    window.wait_for_url("**?p=2")
    expect(window.locator("#result_list tbody")).to_have_count(12)


def test_a_member_is_added_in_a_row_of_the_form(opens, boss, birds):
    window = opens(boss)
    window.goto(f"/admin/retrieval/collection/{birds.pk}/change/", wait_until="networkidle")
    form = window.locator("#collection_form")
    assert form.get_attribute("action") == f"/admin/retrieval/collection/{birds.pk}/change/"
    window.fill("#id_name", "Owls")
    window.get_by_role("button", name="Save and continue editing").click()
    expect(window.locator("#id_name")).to_have_value("Owls")
    window.goto(f"/admin/retrieval/collection/{birds.pk}/delete/", wait_until="networkidle")
