"""Batches through the API: asked for, followed, reviewed, exported."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval import conf
from retrieval.services.copies import batches
from retrieval.work import long_jobs, messages
from tests.factories import EncoderFactory, ImageFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db
URL = "/api/v1/batches/"


@pytest.fixture
def client(calls, owner, settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(messages, "send", lambda task, args=(): None)
    return calls(owner)


@pytest.fixture
def images(collection):
    rows = [ImageFactory(collection=collection) for _ in range(3)]
    embed(rows, encoder=EncoderFactory(dimension=3), raw=np.eye(3, dtype=np.float32) + 1)
    return rows


def test_a_batch_from_its_start_to_its_export(client, collection, images, calls, stranger):
    wish = {"collection": str(collection.pk), "against": [str(collection.pk)], "name": "All"}
    begun = client.post(URL, wish, format="json")
    assert (begun.status_code, begun.json()["state"], begun.json()["name"]) == (202, "queued", "All")
    url = f"{URL}{begun.json()['id']}/"
    long_jobs.run(batches.KIND, begun.json()["id"])
    assert client.get(url).json()["state"] == "done"
    first = client.get(f"{url}rows/", {"page_size": 2}).json()
    assert [row["n"] for row in first["results"]] == [1, 2]
    assert [row["n"] for row in client.get(first["next"]).json()["results"]] == [3]
    assert len(first["results"][0]["results"]) == 2
    decided = client.post(f"{url}rows/2/decision/", {"decision": "not"}, format="json").json()
    assert (decided["decision"], decided["decided_by"]) == ("not", "owner")
    assert [row["n"] for row in client.get(f"{url}rows/", {"decision": "not"}).json()["results"]] == [2]
    assert [row["n"] for row in client.get(f"{url}rows/", {"decision": "open"}).json()["results"]] == [1, 3]
    exported = b"".join(client.get(f"{url}export/", {"format": "json"}).streaming_content)
    assert [row["decision"] for row in json.loads(exported)] == [None, "not", None]
    assert b"".join(client.get(f"{url}export/").streaming_content).count(b"\r\n") == 7
    assert calls(stranger).get(f"{url}rows/").status_code == 404


def test_files_are_sent_as_a_form(client, collection, images, picture):
    sent = {"file": [picture(), picture((1, 2, 3))], "against": [str(collection.pk)]}
    begun = client.post(URL, sent, format="multipart")
    assert (begun.status_code, begun.json()["source"]) == (202, "files")
    assert client.post(URL, {"against": [str(collection.pk)]}, format="json").status_code == 400
