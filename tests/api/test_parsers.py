"""JSON within bounds."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from django.db import transaction
from rest_framework.exceptions import ParseError

from retrieval import conf
from retrieval.api import parsers
from retrieval.api.parsers import DEPTH, JsonParser, loads
from retrieval.errors import TooLarge
from tests.factories import ImageFactory

REFUSED = {
    "not JSON": b"{",
    "not text": b"\xff\xfe{}",
    "NaN": b'{"a": NaN}',
    "infinite": b'{"a": 1e999}',
    "null character": b'{"a": "x\\u0000"}',
    "null character in a key": b'{"x\\u0000": 1}',
    "half a pair": b'{"a": "\\ud800"}',
    "huge whole number": b'{"a": 100000000000000000000}',
    "deep": b"[" * (DEPTH + 2) + b"]" * (DEPTH + 2),
    "so deep that the decoder gives up": b"[" * 200_000,
    "digits without end": b"1" * 5_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_kept_is_refused(body):
    with pytest.raises(ParseError):
        loads(body)


def test_ordinary_json_passes():
    assert loads('{"a": [1, 2.5, null, true, "é"]}') == {"a": [1, 2.5, None, True, "é"]}


@pytest.mark.django_db
def test_without_the_check_what_cannot_be_kept_is_a_500(owner, collection, calls, monkeypatch):
    image, client = ImageFactory(collection=collection), calls(owner)
    half = {"path": f"/api/v1/images/{image.pk}/", "data": b'{"metadata": {"a": "\\ud800"}}'}
    assert client.patch(**half, content_type="application/json").status_code == 400
    monkeypatch.setattr(parsers, "_check_leaf", lambda value: None)
    with transaction.atomic():
        assert client.patch(**half, content_type="application/json").status_code == 500
        transaction.set_rollback(True)


def test_a_long_body_is_not_read_to_its_end(settings):
    bounded = replace(conf.get(), limits=replace(conf.get().limits, json_bytes=100))
    settings.IMAGESEARCH = bounded
    stream = io.BytesIO(b" " * 10_000)
    with pytest.raises(TooLarge):
        JsonParser().parse(stream)
    assert stream.tell() == 101
