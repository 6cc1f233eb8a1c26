"""Collections and members through the API."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User

from retrieval.errors import InvalidInput
from retrieval.models import Membership
from retrieval.services.images import members as members_service
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
    answer = calls(owner).patch(f"{BASE}{collection.pk}/", {}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "nothing_to_change")


def test_another_persons_private_collection_answers_as_one_that_is_not_there(collection, stranger, calls):
    client = calls(stranger)
    for method in ("get", "patch", "delete"):
        body = {"name": "x"} if method == "patch" else None
        hidden = getattr(client, method)(f"{BASE}{collection.pk}/", body, format="json")
        absent = getattr(client, method)(f"{BASE}{uuid.uuid4()}/", body, format="json")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.content == absent.content


def test_a_viewer_sees_but_does_not_change(shared, stranger, calls):
    client = calls(stranger)
    assert client.get(f"{BASE}{shared.pk}/").json()["role"] == "viewer"
    assert client.patch(f"{BASE}{shared.pk}/", {"name": "x"}, format="json").status_code == 403
    assert client.delete(f"{BASE}{shared.pk}/").status_code == 403


def accepted(client, collection):
    """Accept what one is asked into."""
    answer = client.post(f"/api/v1/invitations/{collection.pk}/")
    assert answer.status_code == 200
    return answer.json()


def told(client, collection, name):
    """Everything that a manager is told of a name, with the name taken out."""
    members = f"{BASE}{collection.pk}/members/"
    answers = [
        client.patch(f"{members}{name}/", {"role": "viewer"}, format="json"),
        client.post(members, {"username": name, "role": "viewer"}, format="json"),
        client.get(members),
        client.post(members, {"username": name, "role": "manager"}, format="json"),
        client.patch(f"{members}{name}/", {"role": "contributor"}, format="json"),
        client.get(f"{BASE}{collection.pk}/"),
        client.delete(f"{members}{name}/"),
        client.delete(f"{members}{name}/"),
        client.get(members),
    ]
    return [(each.status_code, each.content.replace(name.encode(), b"NAME")) for each in answers]


def test_a_name_that_nobody_has_is_answered_like_one_that_somebody_has(collection, owner, stranger, calls):
    UserFactory(username="asleep", is_active=False)
    client = calls(owner)
    known, unknown, closed = (told(client, collection, name) for name in ("stranger", "nobodyy", "asleep"))
    assert known == unknown == closed
    assert [status for status, _ in known] == [404, 201, 200, 201, 200, 200, 204, 404, 200]


def test_with_a_look_for_the_person_the_name_is_told(collection, owner, stranger, calls, monkeypatch):
    """The control: so it was, and the test above sees it."""
    real = members_service.ask

    def looked_up(collection, *, user, member):
        if not User.objects.filter(username=member.username, is_active=True).exists():
            raise InvalidInput.of("username", f"There is no person named {member.username!r} here.")
        return real(collection, user=user, member=member)

    monkeypatch.setattr(members_service, "ask", looked_up)
    client = calls(owner)
    assert told(client, collection, "stranger") != told(client, collection, "nobodyy")


def test_who_is_asked_sees_nothing_until_they_accept(collection, owner, stranger, calls):
    collection.visibility = "shared"
    collection.save()
    calls(owner).post(f"{BASE}{collection.pk}/members/", {"username": "stranger", "role": "contributor"}, format="json")
    client, address = calls(stranger), f"{BASE}{collection.pk}/"
    assert (client.get(address).status_code, client.get(f"{address}members/").status_code) == (404, 404)
    assert client.delete(f"{address}members/stranger/").status_code == 404
    (row,) = client.get("/api/v1/invitations/").json()["results"]
    assert row | {"created_at": ""} == {
        "collection": str(collection.pk), "name": collection.name, "role": "contributor", "invited_by": "owner",
        "created_at": "",
    }  # fmt: skip
    accepted(client, collection)
    assert client.get(address).json()["role"] == "contributor"
    assert client.get("/api/v1/invitations/").json()["results"] == []
    assert client.post(f"/api/v1/invitations/{collection.pk}/").status_code == 404


def test_who_declines_is_asked_no_more_and_nobody_is_told(collection, owner, stranger, calls):
    members, mine = f"{BASE}{collection.pk}/members/", f"/api/v1/invitations/{collection.pk}/"
    client = calls(owner)
    client.post(members, {"username": "stranger", "role": "viewer"}, format="json")
    before = client.get(members).content
    assert calls(stranger).delete(mine).status_code == 204
    assert client.get(members).content == before
    client.post(members, {"username": "stranger", "role": "manager"}, format="json")
    assert calls(stranger).get("/api/v1/invitations/").json()["results"] == []
    assert calls(stranger).post(mine).status_code == 404
    assert not collection.memberships.exclude(user=None).exists()


def test_an_invitation_is_for_the_one_who_is_named(collection, owner, stranger, calls):
    calls(owner).post(f"{BASE}{collection.pk}/members/", {"username": "someone", "role": "manager"}, format="json")
    client, mine = calls(stranger), f"/api/v1/invitations/{collection.pk}/"
    assert client.get("/api/v1/invitations/").json()["results"] == []
    assert (client.post(mine).status_code, client.delete(mine).status_code) == (404, 404)


def test_members_come_change_and_go(collection, owner, stranger, calls):
    collection.visibility = "shared"
    collection.save()
    client, members = calls(owner), f"{BASE}{collection.pk}/members/"
    made = client.post(members, {"username": "stranger", "role": "viewer"}, format="json")
    assert (made.status_code, made.json()) == (201, {"username": "stranger", "role": "viewer", "pending": True})
    assert accepted(calls(stranger), collection) == {"username": "stranger", "role": "viewer", "pending": False}
    assert client.patch(f"{members}stranger/", {"role": "manager"}, format="json").json()["role"] == "manager"
    assert client.get(members).json() == {
        "results": [{"username": "stranger", "role": "manager", "pending": False}], "next": None, "previous": None
    }  # fmt: skip
    assert calls(stranger).delete(f"{members}stranger/").status_code == 204
    assert client.delete(f"{members}stranger/").status_code == 404


def test_a_member_of_a_private_collection_sees_it_once_it_is_shared(collection, owner, stranger, calls):
    client, address = calls(owner), f"{BASE}{collection.pk}/"
    member = {"username": "stranger", "role": "viewer"}
    assert client.post(f"{address}members/", member, format="json").status_code == 201
    accepted(calls(stranger), collection)
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
    [
        ({"username": "no spaces", "role": "viewer"}, "username"),
        ({"username": "owner", "role": "viewer"}, "username"),
        ({"username": "x", "role": "owner"}, "role"),
    ],
)
def test_a_member_needs_a_possible_name_and_a_role(collection, owner, calls, body, field):
    answer = calls(owner).post(f"{BASE}{collection.pk}/members/", body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_changing_the_role_makes_no_member(collection, owner, stranger, calls):
    answer = calls(owner).patch(f"{BASE}{collection.pk}/members/stranger/", {"role": "viewer"}, format="json")
    assert answer.status_code == 404
    assert not Membership.objects.exists()


def test_a_name_that_nobody_can_have_is_no_address(collection, owner, calls):
    assert calls(owner).delete(f"{BASE}{collection.pk}/members/a%00b/").status_code == 404
