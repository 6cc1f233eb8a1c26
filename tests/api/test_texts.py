"""What was read from a picture, by the API: its text, its lines, the switch, and how a search says it found them."""

from __future__ import annotations

import pytest

from retrieval import reading
from retrieval.models import ImageText
from retrieval.reading import TextLine
from retrieval.work import texts
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import DIMENSION, clustered, put

pytestmark = pytest.mark.django_db

LINES = [TextLine("Green tea", 0.25, 0.5, 0.5, 0.1, 0.9)]


@pytest.fixture
def collection(client):
    collection = CollectionFactory(read_text=True)
    client.force_login(collection.owner)
    return collection


@pytest.fixture
def image(collection):
    encoder = EncoderFactory(dimension=DIMENSION, trained=True)
    read, _ = put(collection, clustered(2, seed=1), encoder=encoder, each=[{}, {}])
    ImageText.objects.bulk_create([texts.row(read, LINES)])
    return read


def test_a_picture_has_its_text_and_lines(client, image):
    address = f"/api/v1/images/{image.pk}/"
    assert client.get(address).json()["text"] == "Green tea"
    line = {"text": "Green tea", "x": 0.25, "y": 0.5, "w": 0.5, "h": 0.1}
    assert client.get(f"{address}text/").json() == {"text": "Green tea", "lines": [line]}
    assert [row["text"] for row in client.get("/api/v1/images/?ordering=created_at").json()["results"]] == [
        "Green tea",
        None,
    ]


def test_words_that_were_read_are_found(client, image):
    (hit,) = client.post("/api/v1/search/", {"text": "tea"}, content_type="application/json").json()["results"]
    assert (hit["image"]["id"], hit["found_by"]) == (str(image.pk), ["ocr"])
    assert [row["id"] for row in client.get("/api/v1/images/?q=tea").json()["results"]] == [str(image.pk)]


def test_where_it_is_off_there_is_no_text(client, collection, image):
    address = f"/api/v1/collections/{collection.pk}/"
    answer = client.patch(address, {"read_text": False}, content_type="application/json")
    assert (answer.status_code, answer.json()["read_text"]) == (200, False)
    assert client.get(f"/api/v1/images/{image.pk}/text/").json() == {"text": None, "lines": []}
    assert client.get("/api/v1/images/?q=tea").json()["results"] == []


def test_it_is_not_switched_on_where_nothing_reads(client, collection, monkeypatch):
    monkeypatch.setattr(reading, "is_installed", lambda: False)
    other = CollectionFactory(owner=collection.owner)
    answer = client.patch(f"/api/v1/collections/{other.pk}/", {"read_text": True}, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "reading_missing")
    assert "make extras" in answer.json()["error"]["fields"]["read_text"][0]
