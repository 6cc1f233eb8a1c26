"""Collections and members through the API."""

from __future__ import annotations

import uuid

import pytest

from retrieval.models import Membership
from tests.factories import UserFactory

BASE = "/api/v1/collections/"


@pytest.fixture
def shared(collection, stranger):
    """The collection, shared with the stranger as a viewer."""
    collection.visibility = "shared"
    collection.save()
    Membership.objects.create(collection=collection, user=stranger, role="viewer")
    return collection


def test_a_collection_from_making_to_deleting(owner, calls):
    client = calls(owner)
    made = client.post(BASE, {"name": "Birds", "description": "All of them"}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert {"id", "name", "description", "visibility", "owner", "role", "image_count", "created_at"} <= set(body)
    assert (body["owner"], body["role"], body["visibility"], body["image_count"]) == ("owner", "owner", "private", 0)
    address = f"{BASE}{body['id']}/"
    changed = client.patch(address, {"visibility": "public"}, format="json").json()
    assert (changed["visibility"], changed["name"], changed["description"]) == ("public", "Birds", "All of them")
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert client.get(BASE).json() == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": None}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x", "visibility": "secret"}, "visibility"),
        ({"name": "x", "description": "x" * 2001}, "description"),
    ],
)
def test_what_is_wrong_is_named(owner, calls, body, field):
    answer = calls(owner).post(BASE, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_an_empty_change_is_refused(owner, collection, calls):
    answer = calls(owner).patch(f"{BASE}{collection.pk}/", {"colour": "red"}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "nothing_to_change")


def test_another_persons_private_collection_answers_as_one_that_is_not_there(collection, stranger, calls):
    client = calls(stranger)
    for method in ("get", "patch", "delete"):
        hidden = getattr(client, method)(f"{BASE}{collection.pk}/", {"name": "x"}, format="json")
        absent = getattr(client, method)(f"{BASE}{uuid.uuid4()}/", {"name": "x"}, format="json")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.content == absent.content


def test_a_viewer_sees_but_does_not_change(shared, stranger, calls):
    client = calls(stranger)
    assert client.get(f"{BASE}{shared.pk}/").json()["role"] == "viewer"
    assert client.patch(f"{BASE}{shared.pk}/", {"name": "x"}, format="json").status_code == 403
    assert client.delete(f"{BASE}{shared.pk}/").status_code == 403


def test_members_come_change_and_go(collection, owner, stranger, calls):
    collection.visibility = "shared"
    collection.save()
    client, members = calls(owner), f"{BASE}{collection.pk}/members/"
    made = client.post(members, {"username": "stranger", "role": "viewer"}, format="json")
    assert (made.status_code, made.json()) == (201, {"username": "stranger", "role": "viewer"})
    assert client.patch(f"{members}stranger/", {"role": "manager"}, format="json").json()["role"] == "manager"
    assert client.get(members).json() == {
        "results": [{"username": "stranger", "role": "manager"}], "next": None, "previous": None
    }  # fmt: skip
    assert calls(stranger).delete(f"{members}stranger/").status_code == 204
    assert client.delete(f"{members}stranger/").status_code == 404


def test_a_member_of_a_private_collection_sees_it_once_it_is_shared(collection, owner, stranger, calls):
    client, address = calls(owner), f"{BASE}{collection.pk}/"
    member = {"username": "stranger", "role": "viewer"}
    assert client.post(f"{address}members/", member, format="json").status_code == 201
    assert calls(stranger).get(address).status_code == 404
    assert client.patch(address, {"visibility": "shared"}, format="json").status_code == 200
    assert calls(stranger).get(address).json()["role"] == "viewer"


def test_many_members_come_in_pages_by_name(shared, owner, calls):
    names = ["stranger", *(f"{letter}-{'é' * 40}" for letter in "dbeca")]
    for name in names[1:]:
        Membership.objects.create(collection=shared, user=UserFactory(username=name), role="viewer")
    client, found = calls(owner), []
    answer = client.get(f"{BASE}{shared.pk}/members/", {"page_size": 2})
    while answer.status_code == 200:
        found.append([row["username"] for row in answer.json()["results"]])
        if not (onward := answer.json()["next"]):
            break
        answer = client.get(onward)
    assert found == [sorted(names)[at : at + 2] for at in (0, 2, 4)]
    assert client.get(answer.json()["previous"]).json()["results"][0]["username"] == found[1][0]


@pytest.mark.parametrize("query", [{"page_size": "201"}, {"page_size": "0"}, {"cursor": "x"}])
def test_a_page_of_members_that_makes_no_sense_is_named(shared, owner, calls, query):
    answer = calls(owner).get(f"{BASE}{shared.pk}/members/", query)
    assert (answer.status_code, set(answer.json()["error"]["fields"])) == (400, set(query))


@pytest.mark.parametrize(
    ("body", "field"),
    [({"username": "nobody", "role": "viewer"}, "username"), ({"username": "x", "role": "owner"}, "role")],
)
def test_a_member_needs_a_known_name_and_a_role(collection, owner, calls, body, field):
    answer = calls(owner).post(f"{BASE}{collection.pk}/members/", body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_changing_the_role_makes_no_member(collection, owner, stranger, calls):
    answer = calls(owner).patch(f"{BASE}{collection.pk}/members/stranger/", {"role": "viewer"}, format="json")
    assert answer.status_code == 404
    assert not Membership.objects.exists()


def test_a_name_that_nobody_can_have_is_no_address(collection, owner, calls):
    assert calls(owner).delete(f"{BASE}{collection.pk}/members/a%00b/").status_code == 404
