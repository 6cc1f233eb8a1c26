"""What a call does not know is refused by name, in bodies and in addresses, with the known name nearest to it."""

from __future__ import annotations

import json
import uuid

import pytest

from retrieval.api.schema import Generator
from retrieval.api.serializers.fields import nearest_name
from tests.factories import UserFactory

SEARCH, IMAGES = "/api/v1/search/", "/api/v1/images/"


@pytest.fixture(scope="module")
def schema():
    """The description of every call, as programs read it."""
    return json.loads(json.dumps(Generator(api_version=None).get_schema()))


@pytest.fixture
def client(owner, calls):
    """The owner's client."""
    return calls(owner)


def refused(answer):
    """The sentences by field of an answer that refuses what it does not know."""
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "unknown_field"
    assert next(iter(error["fields"])) in error["message"]
    return {name: texts[0] for name, texts in error["fields"].items()}


@pytest.mark.parametrize(
    ("name", "near"), [("top_k", "k"), ("mesure", "measure"), ("collection", "collections"), ("zzz", "")]
)
def test_a_field_that_a_search_does_not_know_is_named_with_the_nearest(client, name, near):
    said = refused(client.post(SEARCH, {"text": "red", name: 5}, format="json"))
    assert list(said) == [name]
    assert f"Did you mean {near}?" in said[name] if near else "mean" not in said[name]


def test_all_unknown_fields_of_a_form_are_named(client, collection, picture):
    said = refused(client.post(SEARCH, {"file": picture(), "top_k": 1, "Text": "a"}, format="multipart"))
    assert set(said) == {"top_k", "Text"}
    form = {"file": picture(), "collection": str(collection.pk), "titel": "A"}
    assert "title" in refused(client.post(IMAGES, form, format="multipart"))["titel"]
    assert client.get(IMAGES).json()["results"] == []


@pytest.mark.parametrize("region", ['{"x": 0, "y": 0, "w": 1, "width": 1}', {"x": 0, "y": 0, "w": 1, "width": 1}])
def test_a_field_inside_of_a_field_is_named_by_its_place(client, picture, region):
    form = isinstance(region, str)
    body = {"region": region, **({"file": picture()} if form else {"image": str(uuid.uuid4())})}
    assert list(refused(client.post(SEARCH, body, format="multipart" if form else "json"))) == ["region.width"]


def test_a_long_list_of_unknown_fields_is_named_in_short(client):
    said = refused(client.post(SEARCH, {f"{number}{'x' * 900}": 1 for number in range(300)}, format="json"))
    assert len(said) == 10
    assert max(map(len, said)) == 60


def test_a_form_of_a_page_may_carry_its_token(client, collection, picture):
    form = {"file": picture(), "collection": str(collection.pk), "csrfmiddlewaretoken": "x"}
    assert client.post(IMAGES, form, format="multipart").status_code == 201


def test_what_means_one_and_comes_twice_is_refused(client, collection, picture):
    place = {"collection": str(collection.pk)}
    forms = [
        (IMAGES, {"file": [picture(), picture((1, 2, 3))], **place}, "file"),
        (SEARCH, {"text": "a", "k": [1, 2]}, "k"),
    ]
    for address, form, name in forms:
        answer = client.post(address, form, format="multipart")
        assert answer.status_code == 400
        assert "more than once" in answer.json()["error"]["fields"][name][0]
    for query in ("page_size=1&page_size=2", "tag=a&tag=b"):
        assert client.get(f"{IMAGES}?{query}").json()["error"]["code"] == "invalid_input"


@pytest.mark.parametrize("query", ["?pagesize=3", "?colection=x", "?tags=a"])
def test_a_list_refuses_what_it_does_not_know(client, query):
    assert refused(client.get(IMAGES + query))
    assert client.head(IMAGES + query).status_code == 400


def test_an_address_that_is_no_call_says_so_whatever_is_asked(client):
    assert client.get("/api/v1/images?zzz=1").json()["error"]["code"] == "not_found"
    assert client.put(IMAGES + "?zzz=1").status_code == 405


def test_choices_are_named(client):
    answer = client.post(SEARCH, {"text": "a", "measure": "manhattan"}, format="json")
    assert "cosine, euclidean, pearson" in answer.json()["error"]["fields"]["measure"][0]
    answer = client.get(f"{IMAGES}?ordering=size")
    assert "-created_at" in answer.json()["error"]["message"]


def test_every_call_refuses_a_parameter_that_it_does_not_know(schema, client, calls, db):
    admin = calls(UserFactory(is_staff=True, is_superuser=True))
    for path, operations in schema["paths"].items():
        address = path.replace("{username}", "owner").replace("{number}", "1").replace("{n}", "1")
        while "{" in address:
            address = address[: address.index("{")] + str(uuid.uuid4()) + address[address.index("}") + 1 :]
        for method in operations:
            assert refused(getattr(admin, method)(f"{address}?zzz=1")), (method, path)


def test_every_call_knows_the_parameters_that_it_describes(schema, calls, db):
    admin = calls(UserFactory(is_staff=True, is_superuser=True))
    named = 0
    for path, operations in schema["paths"].items():
        asked = [each["name"] for each in operations.get("get", {}).get("parameters", []) if each["in"] == "query"]
        if asked and "{" not in path:
            named += len(asked)
            assert admin.get(path, dict.fromkeys(asked, "")).status_code == 200, path
    assert named > 30


def test_every_body_is_described_as_closed(schema):
    bodies = 0
    for path, operations in schema["paths"].items():
        for call in operations.values():
            for kind, content in call.get("requestBody", {}).get("content", {}).items():
                if kind == "text/csv":  # a table has columns, of which its own answer tells
                    continue
                name = content["schema"]["$ref"].rpartition("/")[2]
                assert schema["components"]["schemas"][name]["additionalProperties"] is False, path
                bodies += 1
    assert bodies > 20


def test_the_nearest_name_is_one_that_is_part_of_it_or_spelt_alike():
    known = ["k", "measure", "text", "tags"]
    assert [nearest_name(name, known) for name in ("top-k", "mesure", "tag", "TEXT", "qqq")] == [
        "k", "measure", "tags", "text", "",
    ]  # fmt: skip
