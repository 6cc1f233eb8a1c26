"""What all pages share: errors in one manner, and a database that is away."""

from __future__ import annotations

import gzip

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string

from retrieval.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RetrievalError,
    StorageFull,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedPicture,
    WeightsError,
)
from retrieval.services.images import collections

ERRORS = [
    (InvalidInput("x"), 400),
    (Forbidden("x"), 403),
    (NotFound("x"), 404),
    (Conflict("x"), 409),
    (TooLarge("x"), 413),
    (UnsupportedPicture("x"), 415),
    (TooMany("x", retry_after=3), 429),
    (Unavailable("x"), 503),
    (WeightsError("x"), 503),
    (StorageFull("x"), 507),
    (RetrievalError("x"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS])
def test_each_expected_error_is_a_page_with_a_way_on(page, encoder, monkeypatch, error, status):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(collections, "listing", fail)
    answer = page.get("/collections/")
    assert answer.status_code == error.status == status
    assert 'href="/"' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert ("Retry-After" in answer) == isinstance(error, (TooMany, Unavailable))


def test_a_database_that_is_away_is_said_without_asking_it(page, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(collections, "listing", away)
    answer = page.get("/collections/")
    assert answer.status_code == 503
    assert "Back in a moment" in answer.content.decode()
    assert answer["Retry-After"] == "5"


def test_who_is_no_administrator_is_not_sent_to_the_owner_of_a_collection(page):
    answer = page.get("/evaluations/")
    assert answer.status_code == 403
    assert "This is for administrators" in answer.content.decode()
    assert "higher role" not in answer.content.decode()


def test_pages_go_out_compressed_and_pictures_as_they_are(page, four):
    packed = page.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert b"imagesearch" in gzip.decompress(packed.content)
    picture = page.get(f"/media/thumbnails/{four['red'].id}/320", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in picture


def test_an_address_that_leads_nowhere(page):
    answer = page.get("/nowhere/")
    assert answer.status_code == 404
    assert "Nothing here" in answer.content.decode()


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "413", "500"])
def test_error_pages_stand_without_a_request(name):
    text = render_to_string(f"{name}.html")
    assert "To the search" in text
    assert "<html" in text
