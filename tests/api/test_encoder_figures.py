"""Scores, origins and progress of encoders tell nothing of pictures that the caller does not see."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Compression, TrainingRun
from retrieval.services.encoders import encoders, indexes, origins
from tests.factories import EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

BASE = "/api/v1/encoders/"


@pytest.fixture
def others(stranger):
    """Those who do not see the owner's collection: a stranger and an administrator."""
    return [stranger, UserFactory(username="admin", is_staff=True, is_superuser=True)]


@pytest.fixture
def active(db, monkeypatch):
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    return EncoderFactory(name="now", dimension=3)


def shown(client, encoder):
    """Scores and origin as a caller reads them, from the list and from the encoder's own address alike."""
    (listed,) = client.get(BASE).json()["results"]
    assert client.get(f"{BASE}{encoder.pk}/").json() == listed
    return listed["scores"], listed["origin"]


def test_what_names_a_private_collection_is_for_those_who_see_it(owner, others, active, collection, calls):
    card = {"map": 0.5, "digest": "x", "queries": 12, "gallery": 12}
    names = [f"collection {collection.pk} by {rest}" for rest in ("tags", "judgements", "group_key (pearson)")]
    active.scores = {"corel1k": card} | dict.fromkeys(names, card)
    active.origin = {"projected_from": "old", "collection": str(collection.pk), "vectors": 12, "by_network": "",
                     "calibrated_on": f"collection {collection.pk}"}  # fmt: skip
    active.save()
    read = {name: {**card, "learned_from_these": name in names} for name in active.scores}
    assert shown(calls(owner), active) == (read, active.origin)
    for person in others:
        known = {"corel1k": read["corel1k"]}
        assert shown(calls(person), active) == (known, {"projected_from": "old", "by_network": ""})
    collection.visibility = "public"
    collection.save()
    assert shown(calls(others[0]), active) == (read, active.origin)
    active.refresh_from_db()
    assert len(active.scores) == 4


def test_on_how_many_pictures_of_everywhere_it_was_learned_is_not_told(owner, active, calls):
    active.origin = {"collection": None, "vectors": 12}
    active.save()
    assert shown(calls(owner), active) == ({}, {"collection": None})


@pytest.fixture(params=["run", "compression"])
def made(request, owner, active, collection):
    """An encoder made from the owner's private collection by one kind of long work, which its origin names."""
    if request.param == "run":
        place = {"user": owner, "collection": collection}
        row = TrainingRun.objects.create(**place, name="my-holidays", recipe="x", config={})
        origin = {"training_run": str(row.pk), "recipe": "x", "data": "0123"}
    else:
        row = Compression.objects.create(user=owner, collection=collection, encoder="now")
        origin = {"compressed_from": "now", "compression": str(row.pk), "data": "0123"}
    return EncoderFactory(name="my-holidays", state="draft", origin=origin, dimension=3), row


def told(client, encoder):
    """The origin as a caller reads it; None where even the name is not told."""
    rows = [row for row in client.get(BASE).json()["results"] if row["id"] == str(encoder.pk)]
    assert (client.get(f"{BASE}{encoder.pk}/").status_code == 200) == bool(rows)
    return rows[0]["origin"] if rows else None


def test_run_and_digest_of_a_private_collection_are_for_those_who_see_it(owner, others, made, calls):
    encoder, row = made
    stranger, admin = (calls(person) for person in others)
    public = {key: value for key, value in encoder.origin.items() if key in {"recipe", "compressed_from"}}
    assert told(calls(owner), encoder) == encoder.origin
    assert told(stranger, encoder) is None
    assert told(admin, encoder) == public
    encoder.state = "building"
    encoder.save()
    assert told(stranger, encoder) == public
    row.delete()
    assert told(calls(owner), encoder) == public


def test_without_a_look_at_its_home_everybody_reads_them(others, made, calls, monkeypatch):
    monkeypatch.setattr(origins, "_home", lambda encoder: "")
    monkeypatch.setattr(origins, "OF_PICTURES", ())
    assert told(calls(others[0]), made[0]) == made[0].origin


def test_the_page_names_no_draft_of_a_hidden_collection(others, owner, made, client):
    for person, named in ((others[0], False), (others[1], True), (owner, True)):
        client.force_login(person)
        assert (made[0].name in client.get("/encoders/").content.decode()) == named


def test_a_refusal_names_no_collection_that_the_administrator_does_not_see(others, active, collection, calls):
    name = f"collection {collection.pk} by tags"
    scores = {name: {"map": 0.125, "digest": "x"}}
    other = EncoderFactory(name="next", dimension=3, state="building", scores=scores)
    active.scores = {name: {"map": 0.875, "digest": "x"}}
    active.save()

    def refusal():
        answer = calls(others[1]).post(f"{BASE}{other.pk}/activate/", {}, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "encoder_worse")
        return answer.json()["error"]["message"]

    assert not any(word in refusal() for word in (str(collection.pk), "0.125", "0.1250", "0.875"))
    collection.visibility = "public"
    collection.save()
    assert name in refusal()


def test_progress_and_pace_are_of_the_pictures_that_the_caller_sees(owner, others, collection, calls):
    image = ImageFactory(collection=collection)
    other = EncoderFactory(name="next", dimension=3, state="building")
    embed([image], encoder=other, raw=np.ones((1, 3), dtype=np.float32))

    def told(person):
        progress = calls(person).get(f"{BASE}{other.pk}/").json()["progress"]
        return progress["done"], progress["total"], calls(person).get("/api/v1/jobs/").json()["rate_per_minute"] > 0

    assert told(owner) == (1, 1, True)
    assert [told(person) for person in others] == [(0, 0, False)] * 2
    assert encoders.progress(other).total == 1
