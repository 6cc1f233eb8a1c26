"""Cursor pages: complete, stable, both ways, and deaf to forged cursors."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from retrieval.api.pagination import CursorPages
from retrieval.errors import InvalidInput
from retrieval.models import Image
from tests.factories import CollectionFactory, ImageFactory


def page(rows, url="/", **parameters):
    request = Request(APIRequestFactory().get(url, parameters))
    pages = CursorPages()
    found = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response([str(row.pk) for row in found]).data


def walk(rows, **parameters):
    """Follow ``next`` to the end and ``previous`` back; return both lists of pages."""
    there, answer = [], page(rows, **parameters)
    there.append(answer["results"])
    while answer["next"]:
        answer = page(rows, answer["next"])
        there.append(answer["results"])
    back = [answer["results"]]
    while answer["previous"]:
        answer = page(rows, answer["previous"])
        back.append(answer["results"])
    return there, back


@pytest.fixture
def rows(db):
    """Eleven pictures, seven of them with the same title and three made at the same moment."""
    collection = CollectionFactory()
    made = [ImageFactory(collection=collection, title="same" if n < 7 else f"{n:02}") for n in range(11)]
    Image.objects.filter(pk__in=[image.pk for image in made[:3]]).update(created_at=made[0].created_at)
    return Image.objects.all()


@pytest.mark.parametrize("order", ["-created_at", "created_at", "title", "-title"])
@pytest.mark.parametrize("size", [1, 4, 11, 12])
def test_following_the_links_gives_every_row_once_in_order(rows, order, size):
    sign = "-" if order.startswith("-") else ""
    expected = [str(pk) for pk in rows.order_by(order, f"{sign}pk").values_list("pk", flat=True)]
    there, back = walk(rows.order_by(order), page_size=size)
    assert [row for part in there for row in part] == expected
    assert list(reversed(back)) == there


@pytest.mark.parametrize("letter", ["字", "🐦", '"', "\x1f"])
@pytest.mark.parametrize("order", ["title", "-title"])
def test_the_longest_title_at_the_edge_of_a_page_is_a_cursor(db, letter, order):
    made = [ImageFactory(title=letter * 299 + end) for end in "abc"]
    there, back = walk(Image.objects.order_by(order), page_size=1)
    expected = [[str(image.pk)] for image in (made if order == "title" else reversed(made))]
    assert there == expected == list(reversed(back))


def test_the_longest_names_of_collections_lead_on(owner, calls):
    made = [CollectionFactory(owner=owner, name="🐦" * 199 + end) for end in "abc"]
    answer, found = calls(owner).get("/api/v1/collections/", {"page_size": 1}), []
    while True:
        assert answer.status_code == 200, answer.content
        found += [row["id"] for row in answer.json()["results"]]
        if not (onward := answer.json()["next"]):
            break
        assert len(onward) < 4_000  # many servers in front of a site read no longer address
        answer = calls(owner).get(onward)
    assert found == [str(row.pk) for row in made]


def test_a_row_that_comes_between_moves_no_page(rows):
    first = page(rows.order_by("-created_at"), page_size=4)
    ImageFactory(collection=rows[0].collection)
    second = page(rows.order_by("-created_at"), first["next"])
    assert not set(first["results"]) & set(second["results"])


def test_an_empty_list_has_no_links(db):
    assert page(Image.objects.all()) == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize("size", ["0", "-1", "201", "x", "1e1", "٣", "9" * 50])
def test_a_page_size_out_of_bounds_is_refused(rows, size):
    with pytest.raises(InvalidInput) as caught:
        page(rows, page_size=size)
    assert "page_size" in caught.value.fields


def forged(value):
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        forged([]),
        forged(7),
        forged({"a": 1, "b": 2, "c": 3}),
        forged(["no date", "no id", False]),
        forged(["2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000", False]),
        forged(["2026-01-01T00:00:00+00:00", "no id", False]),
        forged(["2026-01-01T00:00:00+00:00", "00000000-0000-0000-0000-000000000000", 1]),
        urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_forged_cursor_is_refused(rows, cursor):
    with pytest.raises(InvalidInput) as caught:
        page(rows.order_by("-created_at"), cursor=cursor)
    assert "cursor" in caught.value.fields


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_forged_text_that_the_database_cannot_take_is_refused(rows, text):
    with pytest.raises(InvalidInput):
        page(rows.order_by("title"), cursor=forged([text, "00000000-0000-0000-0000-000000000000", False]))
