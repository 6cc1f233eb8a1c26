"""What a page makes a browser fetch of scripts and styles, compressed by what collects and serves them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from whitenoise.compress import Compressor

from retrieval import conf
from tests.browser.conftest import sign_in

FRONT, ANY = 60_000, 120_000  # bytes
STATIC = "/static/"
COMPRESSOR = Compressor(quiet=True)


@cache
def served(name):
    """Bytes of a static file as ``collect_static`` keeps it for browsers that take gzip, as all do."""
    data = Path(finders.find(name)).read_bytes()
    packed = COMPRESSOR.compress_gzip(data)
    return len(packed) if COMPRESSOR.is_compressed_effectively("gzip", name, len(data), packed) else len(data)


def fetched(window, path):
    """The scripts and styles that this page fetches, from a browser that holds none."""
    names = []

    def note(request):
        if request.resource_type in {"script", "stylesheet"}:
            names.append(urlsplit(request.url).path.removeprefix(STATIC))

    window.on("request", note)
    window.goto(path, wait_until="networkidle")
    window.remove_listener("request", note)
    assert len(set(names)) == len(names)
    return set(names)


@pytest.fixture
def weighed(opens, site):
    """Ask for a page in a browser of its own; answer with the bytes and the names."""

    def weigh(path, person=None):
        window = opens()
        if person:
            sign_in(window.context, site.url, person)
        names = fetched(window, path)
        return sum(map(served, names)), names

    return weigh


def test_the_front_page_is_light(weighed, settings, owner, birds, library):
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    birds.visibility = "public"
    birds.save()
    for person, path in ((owner, "/"), (owner, f"/?image={library['blue'].pk}"), (None, "/"), (None, "/login/")):
        found, names = weighed(path, person)
        assert {"js/app.js", "css/base.css"} <= names
        assert found <= FRONT, (path, found, {name: served(name) for name in sorted(names)})


def test_no_page_is_heavy(weighed, owner, birds, library):
    for path in ("/upload/", f"/pictures/{library['blue'].pk}/", f"/collections/{birds.pk}/", "/copies/"):
        found, names = weighed(path, owner)
        assert found <= ANY, (path, found, {name: served(name) for name in sorted(names)})
