"""Share links by the API: made, listed, ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from retrieval.models import ShareLink
from retrieval.services.images import share_links
from tests.factories import CollectionFactory


@pytest.fixture
def api(calls, owner):
    return calls(owner)


@pytest.fixture
def links(collection):
    return f"/api/v1/collections/{collection.pk}/links/"


def test_the_address_is_told_once_and_opens_the_collection(api, links):
    made = api.post(links, {"name": "A client", "downloads": True}, format="json").json()
    assert Client().get(made["url"]).status_code == 200
    (listed,) = api.get(links).json()["results"]
    assert listed == {**{name: value for name, value in made.items() if name != "url"},
                      "visits": 1, "last_visit_at": listed["last_visit_at"]}  # fmt: skip
    assert (listed["state"], listed["has_password"], listed["made_by"]) == ("open", False, "owner")
    left = ShareLink.objects.get().expires_at - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)
    assert api.delete(f"{links}{made['id']}/").status_code == 204
    assert api.get(links).json()["results"][0]["state"] == "ended"
    assert Client().get(made["url"]).status_code == 410


@pytest.mark.parametrize(
    ("field", "value"),
    [("expires_at", "2000-01-01T00:00:00Z"), ("expires_at", "2999-01-01T00:00:00Z"), ("password", "short"),
     ("name", "x" * 101)],
)  # fmt: skip
def test_what_a_link_cannot_be_is_named(api, links, field, value):
    answer = api.post(links, {field: value}, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert not ShareLink.objects.exists()


def test_a_year_is_the_longest(api, links):
    now = timezone.now()
    for days, status in ((365, 201), (366, 400)):
        body = {"expires_at": (now + timedelta(days=days)).isoformat()}
        assert api.post(links, body, format="json").status_code == status


def test_there_are_so_many_and_no_more(api, links, monkeypatch):
    monkeypatch.setattr(share_links, "MOST_OPEN", 1)
    assert [api.post(links, {}, format="json").status_code for _ in range(2)] == [201, 400]


def test_one_of_another_collection_is_not_there(api, links, owner):
    made = api.post(links, {}, format="json").json()
    other = CollectionFactory(owner=owner)
    assert api.delete(f"/api/v1/collections/{other.pk}/links/{made['id']}/").status_code == 404
