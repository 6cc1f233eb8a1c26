"""Requests that announce too much are refused before they are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval import conf
from retrieval.web import bodies
from retrieval.web.bodies import AROUND
from tests.web.library import upload


class Unread:
    """A body that must not be looked into."""

    def read(self, *_args):
        raise AssertionError("the body was read")

    readline = read


def announce(browser, path, length, **extra):
    return browser.generic("POST", path, b"", CONTENT_LENGTH=str(length), **{"wsgi.input": Unread()}, **extra)


@pytest.mark.parametrize("path", ["/", "/login/", "/upload/file/", "/collections/new/", "/admin/login/"])
def test_too_much_is_refused_unread(page, path):
    answer = announce(page, path, 10**9)
    assert answer.status_code == 413
    assert "Too large" in answer.content.decode()


def test_a_body_of_unknown_length_is_refused_unread(page):
    assert announce(page, "/upload/file/", "", HTTP_TRANSFER_ENCODING="chunked").status_code == 413


def test_without_the_limit_the_body_is_read(page, monkeypatch):
    monkeypatch.setattr(bodies, "most", lambda path: 10**12)
    with pytest.raises(AssertionError, match="the body was read"):
        announce(page, "/upload/file/", 10**9, CONTENT_TYPE="multipart/form-data; boundary=x")


def test_a_script_is_told_in_json(page):
    answer = announce(page, "/upload/file/", 10**9, HTTP_ACCEPT="application/json")
    assert answer.json()["error"]["code"] == "body_too_large"


def test_the_limit_is_that_of_what_may_be_sent_there(page, settings, encoder):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, image_bytes=500, archive_bytes=900))
    assert announce(page, "/", AROUND + 501).status_code == 413
    assert announce(page, "/upload/", AROUND + 901).status_code == 413
    assert page.post("/", {"file": upload("red", size=(8, 8))}).status_code == 200
