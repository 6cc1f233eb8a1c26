"""A real Chromium against a live server; no journey may end with a console error, foreign request or CSP violation."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

# The one without windows first: it needs half as much of the processor.
KINDS = ("chromium-headless-shell", "chromium", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, KINDS)), None)
PATIENCE = 120_000  # milliseconds: a slow machine is no fault
WATCH = """addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP", event.violatedDirective, event.blockedURI))"""


def pytest_collection_modifyitems(items):
    """Mark the journeys, and skip them with a reason where there is no Chromium."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium is installed; name one in CHROMIUM"))


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once. Its event loop runs in this thread, which Django would take for a mistake."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(live_server, monkeypatch):
    """The live site with an encoder that sees the mean colour; people are made in its database."""
    from retrieval import live_encoders
    from tests.factories import EncoderFactory
    from tests.web.library import MeanColour

    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    # A connection for each request, thirty in a page, was most of what the database did.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 600)
    live_server.encoder = EncoderFactory(name="colours", dimension=3, trained=True)
    return live_server


@pytest.fixture
def troubles():
    """What went wrong in any window; empty at the end of every journey."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def opens(chromium, site, troubles):
    """Open a window as a person (None: a visitor) and watch it; options are those of a browser context."""
    contexts = []

    def open_window(person=None, **options):
        usual = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", "reduced_motion": "reduce"}
        context = chromium.new_context(base_url=site.url, **usual | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        window = context.new_page()
        _watch(window, site.url, troubles)
        if person:
            sign_in(context, site.url, person)
            window.goto("/")
        return window

    yield open_window
    for context in contexts:
        for window in context.pages:
            window.wait_for_load_state("networkidle")  # else a request may still read what the database forgets now
        context.close()


@pytest.fixture
def owner(site):
    from tests.factories import UserFactory

    return UserFactory(username="owner")


@pytest.fixture
def boss(owner):
    """The owner, who also administers the site."""
    owner.is_staff = owner.is_superuser = True
    owner.save()
    return owner


@pytest.fixture
def birds(owner):
    """The owner's private collection."""
    from tests.factories import CollectionFactory

    return CollectionFactory(owner=owner, name="Birds")


@pytest.fixture
def library(birds, site):
    """Ready pictures: thirty shades of red, and one each of green and blue, by title."""
    from tests.web.library import put

    colours = {f"red {shade}": (220, 3 * shade, 30) for shade in range(30)} | {"green": "green", "blue": "blue"}
    return {title: put(birds, colour, encoder=site.encoder, title=title) for title, colour in colours.items()}


def sign_in(context, url, person):
    """Give the browser the cookie of somebody who has signed in."""
    client = Client()
    client.force_login(person)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": url, "httpOnly": True, "sameSite": "Lax"}])


def _watch(window, url, troubles):
    def requested(request):
        if not request.url.startswith((url, "blob:", "data:")):
            troubles.append(f"foreign request: {request.url}")

    window.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    window.on("pageerror", lambda error: troubles.append(str(error)))
    window.on("request", requested)
