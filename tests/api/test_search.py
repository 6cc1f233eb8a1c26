"""Searches through the API: the contract's shape, every way to ask, and every bound."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from tests.factories import EncoderFactory, ImageFactory
from tests.search.rows import put

URL = "/api/v1/search/"
RAW = np.array([[3, 0, 0], [3, 1, 0], [0, 2, 0], [0, 2, 1]], dtype=np.float32)


class Live:
    """Stands in for the network: every picture is (3, 0, 0)."""

    def encode(self, images):
        return np.tile(RAW[0], (len(images), 1))


@pytest.fixture
def encoder(db, monkeypatch):
    """The active encoder of three dimensions."""
    from retrieval import live_encoders

    monkeypatch.setattr(live_encoders, "for_row", lambda row: Live())
    return EncoderFactory(name="tiny", dimension=3)


@pytest.fixture
def four(collection, encoder):
    """Four ready pictures; the first and the second are near each other."""
    each = [
        {"title": "Red one", "tags": ["a"], "group_key": "g"},
        {"title": "Red two", "tags": ["a"], "group_key": "g"},
        {"title": "Blue one", "tags": ["b"]},
        {"title": "Blue two", "tags": ["b"]},
    ]
    return put(collection, RAW, encoder=encoder, each=each)


@pytest.fixture
def client(owner, four, calls):
    """The owner's client."""
    return calls(owner)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [hit["image"]["id"] for hit in answer.json()["results"]]


def test_the_answer_has_the_shape_of_the_contract(client, four, picture):
    answer = client.post(URL, {"file": picture()}, format="multipart")
    body = answer.json()
    assert set(body) >= {"query", "encoder", "measure", "exact", "candidates", "took_ms", "results"}
    assert body["query"] == {"kind": "file", "region": None}
    assert (body["encoder"], body["measure"], body["exact"], body["candidates"]) == ("tiny", "cosine", True, 4)
    assert set(body["took_ms"]) == {"decode", "encode", "search", "total"}
    first = body["results"][0]
    assert (first["rank"], first["image"]["id"], first["image"]["title"]) == (1, str(four[0].pk), "Red one")
    assert first["distance"] == pytest.approx(0, abs=1e-3)
    assert first["score"] == pytest.approx(1, abs=1e-3)
    assert first["image"]["thumbnail_url"].endswith(f"/api/v1/images/{four[0].pk}/thumbnail/")


def test_a_stored_picture_finds_its_neighbours(client, four):
    found = ids(client.post(URL, {"image": str(four[0].pk), "k": 2}, format="json"))
    assert found == [str(four[0].pk), str(four[1].pk)]


def test_similar_is_the_same_without_itself(client, four):
    answer = client.get(f"/api/v1/images/{four[0].pk}/similar/", {"k": 1, "measure": "euclidean"})
    assert ids(answer) == [str(four[1].pk)]
    assert answer.json()["measure"] == "euclidean"
    assert answer.json()["results"][0]["distance"] == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("blank", ["", " ", ","])
def test_collections_left_blank_are_all_of_them(client, four, picture, blank):
    near = client.get(f"/api/v1/images/{four[0].pk}/similar/", {"collection": blank})
    assert (len(ids(near)), near.json()["candidates"]) == (3, 3)
    assert len(ids(client.post(URL, {"file": picture(), "collections": blank}, format="multipart"))) == 4


def test_an_empty_list_of_collections_is_nowhere(client, picture):
    assert ids(client.post(URL, {"file": picture(), "collections": "[]"}, format="multipart")) == []
    assert ids(client.post(URL, {"text": "red", "collections": []}, format="json")) == []


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("names", [["k"], ["measure"], ["collection"], ["k", "measure", "collection"]])
def test_what_is_left_blank_of_a_query_is_as_usual(client, four, names, blank):
    address = f"/api/v1/images/{four[0].pk}/similar/"
    assert ids(client.get(address, dict.fromkeys(names, blank))) == ids(client.get(address))


def test_what_is_left_blank_of_a_form_is_as_usual(client, picture):
    from retrieval.api.serializers.search import SearchForm

    usual = ids(client.post(URL, {"file": picture()}, format="multipart"))
    for name in set(SearchForm().fields) - {"file"}:
        assert ids(client.post(URL, {"file": picture(), name: ""}, format="multipart")) == usual, name


def test_lists_come_as_json_or_as_form_fields(client, four, picture):
    wanted, avoided = [str(four[2].pk), str(four[3].pk)], [str(four[0].pk)]
    as_json = client.post(URL, {"positives": wanted, "negatives": avoided, "k": 2}, format="json")
    as_fields = client.post(URL, {"positives": wanted, "negatives": avoided, "k": 2}, format="multipart")
    texts = {"positives": ",".join(wanted), "negatives": f'["{avoided[0]}"]', "k": 2}
    as_text = client.post(URL, texts, format="multipart")
    assert ids(as_json) == ids(as_fields) == ids(as_text)
    assert set(ids(as_json)) == set(wanted)
    assert as_json.json()["query"]["kind"] == "several"


def test_a_region_comes_as_an_object_or_as_its_text(client, picture):
    region = {"x": 0.25, "y": 0, "w": 0.5, "h": 1}
    answer = client.post(
        URL, {"file": picture(), "region": '{"x": 0.25, "y": 0, "w": 0.5, "h": 1}'}, format="multipart"
    )
    assert answer.json()["query"]["region"] == region


def test_two_files_are_one_query_of_two_pictures(client, picture):
    answer = client.post(URL, {"file": [picture(), picture((1, 2, 3))]}, format="multipart")
    assert answer.json()["query"]["kind"] == "several"
    eleven = client.post(URL, {"file": [picture() for _ in range(11)]}, format="multipart")
    assert list(eleven.json()["error"]["fields"]) == ["file"]


def test_words_alone_and_words_that_narrow(client, four, picture):
    assert set(ids(client.post(URL, {"text": "blue"}, format="json"))) == {str(four[2].pk), str(four[3].pk)}
    both = client.post(URL, {"file": picture(), "text": "two"}, format="multipart")
    assert ids(both) == [str(four[1].pk), str(four[3].pk)]


def test_filters_narrow_the_search(client, four, collection):
    image = str(four[0].pk)
    assert ids(client.post(URL, {"image": image, "tags": ["b"]}, format="json")) == [str(four[2].pk), str(four[3].pk)]
    assert len(ids(client.post(URL, {"image": image, "collections": [str(collection.pk)]}, format="json"))) == 4
    assert ids(client.post(URL, {"image": image, "collections": []}, format="json")) == []
    assert len(ids(client.post(URL, {"image": image, "exclude_group": True}, format="json"))) == 2
    assert str(four[1].pk) not in ids(client.post(URL, {"image": image, "group": True}, format="json"))
    assert len(ids(client.post(URL, {"image": image, "min_score": 0.5}, format="json"))) == 2
    assert ids(client.post(URL, {"image": image, "offset": 3, "exact": True}, format="json")) == [str(four[3].pk)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "file"),
        ({"k": 0}, "k"),
        ({"k": 201}, "k"),
        ({"k": "many"}, "k"),
        ({"k": None}, "k"),
        ({"offset": -1}, "offset"),
        ({"offset": 10**9}, "offset"),
        ({"measure": "no such"}, "measure"),
        ({"image": "x"}, "image"),
        ({"positives": "x"}, "positives"),
        ({"positives": ["x"]}, "positives.0"),
        ({"positives": [str(uuid.uuid4())] * 101}, "positives"),
        ({"negatives": [str(uuid.uuid4())]}, "negatives"),
        ({"collections": ["x"]}, "collections.0"),
        ({"tags": ["x" * 101]}, "tags.0"),
        ({"min_score": "nan"}, "min_score"),
        ({"text": "x" * 501}, "text"),
        ({"exact": "perhaps"}, "exact"),
        ({"region": "x"}, "region"),
        ({"region": {"x": 0}}, "region.y"),
        ({"region": {"x": -1, "y": 0, "w": 1, "h": 1}}, "region.x"),
        ({"region": {"x": 0.5, "y": 0, "w": 0.6, "h": 1}, "image": "ID"}, "region"),
        ({"region": {"x": 0, "y": 0, "w": 0, "h": 1}, "image": "ID"}, "region"),
    ],
)
def test_every_input_out_of_bounds_is_named(client, four, body, field):
    body = {**body, "image": str(four[0].pk)} if body.get("image") == "ID" else body
    answer = client.post(URL, body, format="json")
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["error"]["fields"]


def test_nan_in_a_region_is_refused(client, four, picture):
    body = {"file": picture(), "region": '{"x": NaN, "y": 0, "w": 1, "h": 1}'}
    answer = client.post(URL, body, format="multipart")
    assert answer.status_code == 400
    assert "region" in answer.json()["error"]["fields"]


@pytest.mark.parametrize("field", ["image", "positives", "negatives", "collections"])
def test_hidden_ids_answer_as_absent_ones(four, collection, stranger, calls, field):
    client = calls(stranger)
    hidden = str(collection.pk if field == "collections" else four[0].pk)
    answers = []
    for value in (hidden, str(uuid.uuid4())):
        body = {"text": "x", field: value if field == "image" else [value]}
        if field == "negatives":
            body["positives"] = [value]
        answers.append(client.post(URL, body, format="json"))
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_others_private_pictures_are_never_found(four, stranger, calls, picture):
    assert ids(calls(stranger).post(URL, {"file": picture()}, format="multipart")) == []


def test_a_pending_picture_cannot_be_asked_with_yet(client, collection):
    pending = ImageFactory(collection=collection)
    answer = client.get(f"/api/v1/images/{pending.pk}/similar/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "image_pending")


def test_without_an_encoder_the_search_waits(owner, collection, calls):
    answer = calls(owner).post(URL, {"text": "x"}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_encoder")
    assert "Retry-After" in answer.headers


def test_searches_are_limited_and_say_how_long_to_wait(client, four, settings):
    from dataclasses import replace

    from retrieval import conf

    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, user_searches=2))
    statuses = [
        client.post(URL, {"text": "x"}, format="json", HTTP_X_FORWARDED_FOR=f"6.6.6.{n}").status_code for n in range(3)
    ]
    assert statuses == [200, 200, 429]
    assert client.get(f"/api/v1/images/{four[0].pk}/similar/").status_code == 429


def test_a_picture_sent_along_is_bounded(client, picture, settings):
    from dataclasses import replace

    from retrieval import conf

    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, image_bytes=50))
    answer = client.post(URL, {"file": picture()}, format="multipart")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "image_too_large")


def test_visitors_search_what_is_public_where_the_operator_opened_it(four, collection, calls, settings, picture):
    from dataclasses import replace

    from retrieval import conf

    assert calls().post(URL, {"text": "red"}, format="json").status_code == 401
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    assert ids(calls().post(URL, {"text": "red"}, format="json")) == []
    collection.visibility = "public"
    collection.save()
    assert len(ids(calls().post(URL, {"text": "red"}, format="json"))) == 2


def test_looking_further_is_asked_for_by_expand(client, four, encoder):
    from tests.web.test_bands import calibration

    encoder.calibration = calibration()
    encoder.save()
    body = {"image": str(four[0].pk), "expand": True}
    answer = client.post(URL, body, format="json")
    assert ids(answer)[:2] == [str(four[0].pk), str(four[1].pk)]
    assert answer.json()["expand"] is True
    assert client.post(URL, body | {"expand": False}, format="json").json()["expand"] is False
    refused = client.post(URL, body | {"text": "red"}, format="json")
    assert (refused.status_code, "expand" in refused.json()["error"]["fields"]) == (400, True)
