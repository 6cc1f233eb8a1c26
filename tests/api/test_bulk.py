"""Many pictures by one call, and that taken back."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from retrieval import conf
from tests.factories import ImageFactory, UserFactory

pytestmark = pytest.mark.django_db
BULK, UNDO = "/api/v1/images/bulk/", "/api/v1/images/bulk/undo/"


def test_a_choice_is_changed_and_changed_back(calls, owner, collection):
    rows = ImageFactory.create_batch(2, collection=collection, tags=["old"], title="Old")
    client = calls(owner)
    body = {"filter": {"tag": "old"}, "add_tags": ["new"], "set": {"title": "New"}}
    answer = client.post(BULK, body, format="json").json()
    assert {**answer, "undo": ""} == {"done": 2, "refused": [], "refused_count": 0, "undo": ""}
    shown = client.get(f"/api/v1/images/{rows[0].pk}/").json()
    assert (shown["title"], shown["tags"]) == ("New", ["old", "new"])
    back = client.post(UNDO, {"undo": answer["undo"]}, format="json").json()
    assert (back["done"], back["undo"]) == (2, None)
    again = client.post(UNDO, {"undo": answer["undo"]}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "undone_already")


def test_what_a_stranger_names_is_refused_like_what_is_not_there(calls, stranger, collection):
    row = ImageFactory(collection=collection)
    answer = calls(stranger).post(BULK, {"ids": [str(row.pk)], "delete": True}, format="json")
    assert answer.json()["refused"] == [{"id": str(row.pk), "code": "not_found"}]
    row.refresh_from_db()
    assert row.deleted_at is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {"tags": "x"}, "embed": True}, "filter.tags"),
        ({"filter": {}, "embed": True}, "filter"),
        ({"ids": [], "filter": {"tag": "x"}, "embed": True}, "ids"),
        ({"ids": [], "set": {"sha256": "x"}}, "set.sha256"),
    ],
)
def test_what_is_not_known_or_too_much_is_named(calls, owner, body, field):
    answer = calls(owner).post(BULK, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_originals_come_as_one_archive(calls, collection, picture, settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    client, data = calls(collection.owner), picture().read()
    client.post("/api/v1/images/", {"file": picture(), "collection": str(collection.pk)}, format="multipart")
    body = {"filter": {"collection": str(collection.pk)}}
    answer = calls(collection.owner, scope="read").post("/api/v1/images/download/", body, format="json")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/zip", "nosniff")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.read("red.png") == data
    assert calls(UserFactory()).post("/api/v1/images/download/", body, format="json").status_code == 404
