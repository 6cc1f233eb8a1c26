"""What all calls have in common: the shape of failures, bounds of bodies, headers, and addresses that are no calls."""

from __future__ import annotations

import io
import uuid

import pytest

from retrieval import conf
from retrieval.api.base import ApiView

MIB = 1024 * 1024


def shape(answer):
    """The code of a failure, after looking at its shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "fields"}
    assert body["error"]["message"]
    return body["error"]["code"]


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize("path", ["", "nothing/", "images", "images/1/", "images/not-an-id/", "collections/x/members/"])
def test_an_address_that_is_no_call_answers_404_in_the_one_shape(calls, method, path):
    answer = getattr(calls(), method)(f"/api/v1/{path}")
    assert (answer.status_code, shape(answer)) == (404, "not_found")


def test_a_method_that_a_call_does_not_have(owner, calls):
    answer = calls(owner).put("/api/v1/images/")
    assert (answer.status_code, shape(answer)) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"null", b"\xff", b'{"name": "a\\u0000"}', b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_a_400(owner, calls, body):
    answer = calls(owner).post("/api/v1/collections/", body, content_type="application/json")
    assert answer.status_code == 400
    assert shape(answer) in {"malformed", "invalid_input"}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_a_body_of_another_kind_is_a_415(owner, calls, kind):
    answer = calls(owner).generic("POST", "/api/v1/collections/", b"name=x", content_type=kind)
    assert (answer.status_code, shape(answer)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("body", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc"])
def test_a_broken_form_is_a_400(owner, calls, body):
    answer = calls(owner).generic("POST", "/api/v1/images/", body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    shape(answer)
    missing = calls(owner).generic("POST", "/api/v1/images/", body, content_type="multipart/form-data")
    assert missing.status_code == 400


class Unread(io.RawIOBase):
    """A body of which nobody may read a byte."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("path", "kind", "length"),
    [
        ("collections/", "application/json", MIB + 1),
        ("auth/token/", "application/json", MIB + 1),
        ("auth/token/", "application/x-www-form-urlencoded", MIB + 1),
        ("search/", "application/json", MIB + 1),
        ("search/", "multipart/form-data; boundary=x", 27 * MIB),
        ("images/", "multipart/form-data; boundary=x", 102 * MIB),
        ("archives/", "multipart/form-data; boundary=x", 202 * MIB),
        ("nothing/", "application/json", MIB + 1),
    ],
)
def test_a_body_over_the_limit_is_refused_unread(owner, calls, path, kind, length):
    body = {"content_type": kind, "CONTENT_LENGTH": str(length), "wsgi.input": Unread()}
    for client in (calls(owner), calls()):
        answer = client.generic("POST", f"/api/v1/{path}", **body)
        assert (answer.status_code, shape(answer)) == (413, "body_too_large")


def test_a_body_of_unknown_length_is_refused_unread(owner, calls):
    answer = calls(owner).generic(
        "POST", "/api/v1/images/", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input": Unread()},
    )  # fmt: skip
    assert (answer.status_code, shape(answer)) == (413, "length_required")


def test_without_the_limit_the_body_is_read(owner, calls, monkeypatch):
    monkeypatch.setattr(ApiView, "_refuse_large_body", lambda *_: None)
    body = {"content_type": "application/json", "CONTENT_LENGTH": str(2 * MIB), "wsgi.input": Unread()}
    # Reading this body raises, which is answered as what nobody expected.
    assert calls(owner).generic("POST", "/api/v1/collections/", **body).status_code == 500


def test_what_is_private_is_kept_by_no_cache(owner, collection, calls):
    for path in ("status/", "collections/", f"collections/{collection.pk}/", "images/", f"images/{uuid.uuid4()}/"):
        assert calls(owner).get(f"/api/v1/{path}").headers["Cache-Control"] == "private, no-store"


def test_an_answer_is_json_whatever_accept_says(owner, calls):
    for accept in ("image/webp", "text/html", "application/xml"):
        answer = calls(owner).get("/api/v1/status/", HTTP_ACCEPT=accept)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"


def test_a_database_that_is_away_answers_503(owner, calls, monkeypatch):
    from django.db import OperationalError

    from retrieval.services.images import collections

    def gone(user):
        raise OperationalError("server closed the connection")

    client = calls(owner)
    monkeypatch.setattr(collections, "listing", gone)
    answer = client.get("/api/v1/collections/")
    assert (answer.status_code, shape(answer)) == (503, "unavailable")
    assert "Retry-After" in answer.headers


def test_visitors_see_nothing_unless_public_search_is_on(collection, calls, settings):
    from dataclasses import replace

    for path in ("status/", "collections/", "images/"):
        assert calls().get(f"/api/v1/{path}").status_code == 401
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    for path in ("status/", "collections/", "images/"):
        assert calls().get(f"/api/v1/{path}").status_code == 200
    assert calls().get("/api/v1/encoders/").status_code == 401
    assert calls().post("/api/v1/collections/", {"name": "x"}, format="json").status_code == 401
