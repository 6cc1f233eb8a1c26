"""Evaluations through the API: asked for, followed, read, refused."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval import tasks
from retrieval.models import Evaluation, LongJobState
from retrieval.services.evaluation import evaluations
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

BASE = "/api/v1/evaluations/"


@pytest.fixture
def admin(db):
    return UserFactory(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def client(admin, calls):
    return calls(admin)


@pytest.fixture
def labelled(admin):
    """Six pictures of two tags, as two encoders see them."""
    row = CollectionFactory(owner=admin)
    pictures = [ImageFactory(collection=row, tags=["cat" if number % 2 else "dog"]) for number in range(6)]
    for name, state in (("first", "active"), ("second", "retired")):
        raw = np.eye(3, dtype=np.float32)[[number % 2 for number in range(6)]] + 0.1
        embed(pictures, encoder=EncoderFactory(name=name, dimension=3, state=state), raw=raw)
    return row


@pytest.fixture
def body(labelled):
    return {"collection": str(labelled.pk), "encoders": ["first", "second"]}


@pytest.fixture
def woken(monkeypatch):
    sent = []
    monkeypatch.setattr(tasks, "wake", lambda task, *args: sent.append(args))
    return sent


def test_from_line_to_result(client, body, woken):
    asked = client.post(BASE, body, format="json")
    assert asked.status_code == 202
    row = asked.json()
    assert (row["state"], row["user"], row["labels"], row["measure"], row["groups"], row["error"]) == (
        "queued",
        "admin",
        "tags",
        "cosine",
        "ignore",
        None,
    )
    assert [(name, str(pk)) for name, pk in woken] == [("evaluations", row["id"])]
    assert client.get(f"{BASE}{row['id']}/").json() == {**row, "result": {}}
    long_jobs.run(evaluations.KIND, row["id"])
    found = client.get(f"{BASE}{row['id']}/").json()
    assert (found["state"], [each["subject"]["encoder"] for each in found["result"]["reports"]]) == (
        "done",
        ["first", "second"],
    )
    assert set(found["result"]["differences"]) == {"second"}
    (listed,) = client.get(BASE).json()["results"]
    assert listed["id"] == row["id"]
    assert "result" not in listed


def test_one_that_failed_says_why(client, body):
    row = client.post(BASE, body, format="json").json()
    Evaluation.objects.update(state=LongJobState.FAILED, error_code="odd", error_text="A sentence.")
    assert client.get(f"{BASE}{row['id']}/").json()["error"] == {"code": "odd", "message": "A sentence."}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"encoders": []}, "encoders"),
        ({"encoders": ["nobody"]}, "encoders"),
        ({"encoders": ["first"] * 7}, "encoders"),
        ({"labels": "title"}, "labels"),
        ({"groups": "odd"}, "groups"),
        ({"measure": "odd"}, "measure"),
        ({"collection": "odd"}, "collection"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_field(client, body, woken, change, field):
    answer = client.post(BASE, {**body, **change}, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
    assert not woken
    assert not Evaluation.objects.exists()


def test_only_administrators_who_see_the_collection(client, body, labelled, calls, stranger):
    row = client.post(BASE, body, format="json").json()
    other = UserFactory(is_staff=True, is_superuser=True)
    assert calls(other).get(f"{BASE}{row['id']}/").status_code == 404
    assert calls(other).post(BASE, body, format="json").status_code == 404
    assert calls(other).get(BASE).json()["results"] == []
    labelled.visibility = "public"
    labelled.save()
    assert calls(stranger).post(BASE, body, format="json").status_code == 403
    assert calls(stranger).get(BASE).status_code == 403
    assert calls(stranger).get(f"{BASE}{row['id']}/").status_code == 403
    assert calls(other).get(f"{BASE}{row['id']}/").status_code == 200
