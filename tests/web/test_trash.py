"""The trash on its page: seen, brought back and removed by those who may."""

from __future__ import annotations

import pytest

from retrieval import tasks
from retrieval.models import Collection, Image
from retrieval.services.images import collections, images


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    monkeypatch.setattr(tasks, "wake", lambda task, *args: None)


def test_pictures_come_back_or_go_for_good(page, sees, stranger, owner, four):
    assert "The trash is empty" in page.get("/trash/").content.decode()
    for name in ("red", "blue"):
        images.delete(four[name], user=owner)
    text = page.get("/trash/").content.decode()
    assert text.count("data-pick") == 2
    assert page.get(f"/trash/{four['red'].pk}/thumbnail/").status_code == 200
    assert sees(stranger).get(f"/trash/{four['red'].pk}/thumbnail/").status_code == 404
    assert sees(stranger).get("/trash/").content.decode().count("data-pick") == 0
    json = {"Accept": "application/json"}
    told = page.post("/trash/act/", {"id": four["red"].pk, "act": "restore"}, headers=json).json()
    assert told["message"] == "Brought back: 1."
    assert Image.objects.get(pk=four["red"].pk).deleted_at is None
    gone = page.post("/trash/act/", {"id": four["blue"].pk, "act": "remove"}, follow=True).content.decode()
    assert "Removed for good: 1." in gone
    assert "data-pick" not in gone


def test_a_collection_comes_back_with_its_pictures(page, owner, collection, four):
    collections.delete(collection, user=owner)
    text = page.get("/trash/").content.decode()
    assert "Birds" in text
    assert "4 pictures" in text
    page.post("/trash/act/", {"collections": collection.pk, "act": "restore"})
    assert Collection.objects.get(pk=collection.pk).deleted_at is None
    assert page.get(f"/collections/{collection.pk}/").content.decode().count("data-card=") == 4
