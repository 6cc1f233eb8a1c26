"""Compressions through the API: asked for, followed, read, adopted, removed, refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval import conf, tasks
from retrieval.models import Collection, Compression, Encoder, LongJobState
from retrieval.services.encoders import compression, compressions
from retrieval.work import long_jobs
from tests import tables
from tests.factories import CollectionFactory, EncoderFactory, UserFactory

BASE = "/api/v1/compressions/"


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path, weights_dir=tmp_path / "weights")
    monkeypatch.setattr(compression, "run", tables.canned)


@pytest.fixture
def client(db, calls):
    return calls(UserFactory(username="admin", is_staff=True, is_superuser=True))


@pytest.fixture
def body(db, client):
    row = CollectionFactory(owner=UserFactory._meta.model.objects.get(username="admin"))
    tables.labelled(row)
    EncoderFactory(name="whole", spec=tables.TINY.to_dict(), dimension=64)
    return {"collection": str(row.pk), "encoder": "whole", "dimensions": [4]}


@pytest.fixture
def woken(monkeypatch):
    sent = []
    monkeypatch.setattr(tasks, "wake", lambda task, *args: sent.append(args))
    return sent


@pytest.fixture
def done(client, body, woken):
    row = client.post(BASE, body, format="json").json()
    long_jobs.run(compressions.KIND, row["id"])
    return f"{BASE}{row['id']}/"


def test_from_line_to_table(client, body, woken):
    asked = client.post(BASE, body, format="json")
    assert asked.status_code == 202
    row = asked.json()
    assert [row[name] for name in ("state", "user", "labels", "dimensions", "int8", "keep", "steps", "error")] == [
        "queued",
        "admin",
        "tags",
        [4],
        True,
        1.0,
        100,
        None,
    ]
    assert [(name, str(pk)) for name, pk in woken] == [("compressions", row["id"])]
    assert client.get(f"{BASE}{row['id']}/").json() == {
        **row,
        "rows": [],
        "learned_from_these": False,
        "unreadable": [],
    }
    long_jobs.run(compressions.KIND, row["id"])
    found = client.get(f"{BASE}{row['id']}/").json()
    assert (found["state"], found["unreadable"]) == ("done", ["a picture"])
    assert found["learned_from_these"] is True
    assert [(each["name"], each["adoptable"]) for each in found["rows"]] == [
        ("full", False),
        ("half", False),
        ("int8", True),
    ]
    line = found["rows"][2]
    assert line["map"] == line["figures"]["mAP"] == {"mean": 0.897, "low": 0.886, "high": 0.907}
    assert [each["cautions"] for each in found["rows"]] == [[], [], []]
    assert (line["dimension"], line["weights_bytes"], line["query_ms"]) == (64, 3_200_000, 2.25)
    (listed,) = client.get(BASE).json()["results"]
    assert "rows" not in listed


def test_a_row_is_adopted(client, done):
    made = client.post(f"{done}adopt/", {"row": "int8", "name": "small"}, format="json")
    assert (made.status_code, made.json()["name"], made.json()["state"]) == (201, "small", "draft")
    again = client.post(f"{done}adopt/", {"row": "int8", "name": "other"}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "adopted_already")
    again = client.post(f"{done}adopt/", {"row": "int8", "name": "small", "again": True}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    unnamed = client.post(f"{done}adopt/", {"row": "int8", "again": True}, format="json")
    assert unnamed.json()["name"] == "whole-int8"
    wrong = client.post(f"{done}adopt/", {"row": "half", "name": "other"}, format="json")
    assert (wrong.status_code, list(wrong.json()["error"]["fields"])) == (400, ["row"])


def test_stopped_and_removed(client, body, woken):
    here = f"{BASE}{client.post(BASE, body, format='json').json()['id']}/"
    assert client.post(f"{here}adopt/", {"row": "int8"}, format="json").json()["error"]["code"] == (
        "compression_unfinished"
    )
    assert client.delete(here).json()["error"]["code"] == "long_job_going"
    assert client.post(f"{here}cancel/").json()["state"] == "cancelled"
    assert client.delete(here).status_code == 204
    assert not Compression.objects.exists()


def test_one_that_failed_says_why(client, done):
    Compression.objects.update(state=LongJobState.FAILED, error_code="odd", error_text="A sentence.")
    assert client.get(done).json()["error"] == {"code": "odd", "message": "A sentence."}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"encoder": "nobody"}, "encoder"),
        ({"dimensions": [1]}, "dimensions"),
        ({"dimensions": [63]}, "dimensions"),
        ({"keep": 2}, "keep"),
        ({"keep": 0.5}, "keep"),
        ({"steps": 0}, "steps"),
        ({"labels": "title"}, "labels"),
        ({"collection": "odd"}, "collection"),
        ({"calibration": "odd"}, "calibration"),
    ],
)
def test_what_cannot_be_made_is_refused_by_field(client, body, woken, change, field):
    answer = client.post(BASE, {**body, **change}, format="json")
    assert (answer.status_code, [name.split(".")[0] for name in answer.json()["error"]["fields"]]) == (400, [field])
    assert not woken


def test_only_administrators_who_see_the_collection(client, body, done, calls, stranger):
    other = calls(UserFactory(is_staff=True, is_superuser=True))
    assert other.get(done).status_code == 404
    assert other.get(BASE).json()["results"] == []
    assert other.post(f"{done}adopt/", {"row": "int8"}, format="json").status_code == 404
    assert calls(stranger).get(done).status_code == 403
    assert not Encoder.objects.filter(state="draft").exists()


def test_what_it_is_calibrated_on_is_for_those_who_see_that_collection(client, body, calls):
    measured, hidden = Collection.objects.get(), CollectionFactory(owner=UserFactory._meta.model.objects.get())
    tables.labelled(hidden)
    made = client.post(BASE, {**body, "calibration": str(hidden.pk)}, format="json").json()
    assert made["calibration"] == str(hidden.pk)
    measured.visibility = "public"
    measured.save()
    other = calls(UserFactory(is_staff=True, is_superuser=True))
    (listed,) = other.get(BASE).json()["results"]
    assert listed["calibration"] is other.get(f"{BASE}{made['id']}/").json()["calibration"] is None
