"""The trash by the API: listed, shown, brought back, removed."""

from __future__ import annotations

import pytest

from retrieval.models import ImageDigest
from tests.factories import ImageFactory

pytestmark = pytest.mark.django_db


def test_deleted_pictures_and_collections_are_listed_and_come_back(calls, owner, stranger, collection):
    client, image = calls(owner), ImageFactory(collection=collection)
    ImageDigest.objects.create(collection=collection, sha256=image.sha256, image=image)
    client.delete(f"/api/v1/images/{image.pk}/")
    (row,) = client.get("/api/v1/trash/").json()["results"]
    assert (row["id"], row["collection"]) == (str(image.pk), str(collection.pk))
    assert row["deleted_at"] < row["purged_at"]
    assert calls(stranger).get("/api/v1/trash/").json()["results"] == []
    assert calls(stranger).get(row["thumbnail_url"]).status_code == 404
    assert client.get(row["thumbnail_url"]).json()["error"]["code"] == "file_missing"
    answer = client.post("/api/v1/trash/restore/", {"images": [row["id"]]}, format="json").json()
    assert answer == {"done": 1, "refused": [], "refused_count": 0, "undo": None}
    assert client.get(f"/api/v1/images/{image.pk}/").status_code == 200

    client.delete(f"/api/v1/collections/{collection.pk}/")
    (row,) = client.get("/api/v1/trash/", {"kind": "collections"}).json()["results"]
    assert (row["name"], row["image_count"]) == (collection.name, 1)
    assert client.post("/api/v1/trash/remove/", {"collections": [row["id"]]}, format="json").json()["done"] == 1
    assert client.get("/api/v1/trash/", {"kind": "collections"}).json()["results"] == []
    assert client.post("/api/v1/trash/restore/", {}, format="json").status_code == 400
