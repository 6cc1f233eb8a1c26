"""Why a picture was found, through the API: the contract's shape, both ways to ask, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval import conf
from tests.factories import EncoderFactory
from tests.web.library import MeanColour, png, put, upload


@pytest.fixture
def encoder(db, monkeypatch):
    from retrieval import live_encoders

    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    return EncoderFactory(name="colours", dimension=3)


@pytest.fixture
def two(collection, encoder):
    return [put(collection, colour, encoder=encoder) for colour in ("red", "blue")]


@pytest.fixture
def client(owner, two, calls):
    return calls(owner)


def address(image):
    return f"/api/v1/images/{image.pk}/why/"


def test_a_stored_picture(client, two):
    answer = client.get(address(two[0]), {"query": str(two[1].pk)})
    body = answer.json()
    assert set(body) >= {"cosine", "cells", "query", "result"}
    for side in ("query", "result"):
        assert np.shape(body[side]) == tuple(body["cells"]) == (2, 2)
        assert np.sum(body[side]) == pytest.approx(body["cosine"], abs=1e-6)
    assert body["measures"]["cosine"]["score"] == pytest.approx(body["cosine"], abs=1e-3)
    assert set(body["measures"]) == {"cosine", "euclidean", "pearson"}
    assert (body["exact"], body["encoder"], body["strangers"], body["verdict"]) == (True, "colours", None, None)


def test_a_picture_that_is_sent_along(client, two):
    body = client.post(address(two[0]), {"file": upload("red")}, format="multipart").json()
    assert (body["verdict"], body["edit"]) == ("same_file", [])
    assert body["outline"] == [[0, 0], [1, 0], [1, 1], [0, 1]]
    region = '{"x": 0, "y": 0, "w": 0.5, "h": 0.5}'
    part = client.post(address(two[0]), {"file": upload("red"), "region": region}, format="multipart").json()
    assert part["verdict"] != "same_file"


@pytest.mark.parametrize(("query", "field"), [({}, "query"), ({"query": "x"}, "query")])
def test_what_is_asked_with_must_be_named(client, two, query, field):
    answer = client.get(address(two[0]), query)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert client.post(address(two[0]), {}, format="multipart").status_code == 400


def test_a_stranger_learns_nothing(calls, stranger, two):
    theirs = calls(stranger)
    assert theirs.get(address(two[0]), {"query": str(two[1].pk)}).status_code == 404
    assert theirs.post(address(two[0]), {"file": upload("red")}, format="multipart").status_code == 404


def test_a_network_without_places_is_a_conflict(client, two, monkeypatch):
    from retrieval.errors import Conflict

    def places(*_args):
        raise Conflict("none", code="no_places")

    monkeypatch.setattr(MeanColour, "places", places)
    answer = client.get(address(two[0]), {"query": str(two[1].pk)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_places")


def test_it_counts_as_a_search(client, two, settings):
    found = conf.get()
    settings.IMAGESEARCH = replace(found, limits=replace(found.limits, user_searches=2))
    statuses = [client.get(address(two[0]), {"query": str(two[1].pk)}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_a_file_that_is_too_large_is_refused(client, two, settings):
    found = conf.get()
    settings.IMAGESEARCH = replace(found, limits=replace(found.limits, image_bytes=10))
    assert len(png("red")) > 10
    assert client.post(address(two[0]), {"file": upload("red")}, format="multipart").status_code == 413
