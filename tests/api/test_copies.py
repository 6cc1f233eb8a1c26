"""Copies through the API: groups in pages, and decisions."""

from __future__ import annotations

import itertools

import pytest

from retrieval.models import CopyPair
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/copies/"


@pytest.fixture
def client(calls, owner):
    EncoderFactory()
    return calls(owner)


def pair(collection, *, verdict="same_image", **fields):
    """Two pictures, the larger first, and their pair."""
    large, small = ImageFactory(collection=collection, width=40), ImageFactory(collection=collection)
    said = {"verdict": verdict, "probability": 0.9, "edit": ["resized"], "outline": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    CopyPair.objects.create(one=large, other=small, **{**said, "other_outline": said["outline"], **fields})
    return large, small


def test_a_group_says_what_was_done_to_the_one_to_keep(client, collection):
    large, small = pair(collection)
    [group] = client.get(URL, {"collection": collection.pk}).json()["results"]
    assert (group["keep"]["id"], group["verdict"], group["probability"]) == (str(large.pk), "same_image", 0.9)
    [copy] = group["others"]
    assert (copy["image"]["id"], copy["edit"], copy["verdict"]) == (str(small.pk), ["resized"], "same_image")
    assert len(copy["outline"]) == 4
    assert "status" in copy["image"]


def test_pages_follow_one_another_without_gaps(client, collection):
    for verdict in ("same_file", "same_image", "same_thing"):
        pair(collection, verdict=verdict)
    url, seen = f"{URL}?page_size=1", []
    for _ in range(3):
        page = client.get(url).json()
        seen += [group["verdict"] for group in page["results"]]
        url, back = page["next"], page["previous"]
    assert (seen, url) == (["same_file", "same_image", "same_thing"], None)
    assert [group["verdict"] for group in client.get(back).json()["results"]] == ["same_image"]
    assert [group["verdict"] for group in client.get(URL, {"verdict": "same_thing"}).json()["results"]] == [
        "same_thing"
    ]


def test_a_page_goes_on_where_its_last_group_was_that_is_gone(client, collection):
    rows = [pair(collection, verdict=verdict) for verdict in ("same_file", "same_image")]
    first = client.get(f"{URL}?page_size=1").json()
    rows[1][1].delete()
    assert client.get(first["next"]).json()["results"] == []
    assert client.get(f"{URL}?cursor=nonsense").status_code == 400


def test_decisions_are_kept_listed_and_taken_back(client, collection):
    large, small = pair(collection)
    said = client.post(f"{URL}decisions/", {"pairs": [[small.pk, large.pk]], "decision": "different"}, format="json")
    assert said.status_code == 201
    [row] = client.get(f"{URL}decisions/", {"collection": collection.pk}).json()["results"]
    assert (row["pair"], row["decision"]) == ([str(large.pk), str(small.pk)], "different")
    assert client.get(URL).json()["results"] == []
    assert client.delete(f"{URL}decisions/{row['id']}/").status_code == 204
    assert len(client.get(URL).json()["results"]) == 1


@pytest.mark.parametrize("pairs", [[], "no list", [["x", "y"]], [[str(pk)] for pk in itertools.repeat(0, 2)]])
def test_what_is_no_list_of_pairs_is_refused(client, collection, pairs):
    answer = client.post(f"{URL}decisions/", {"pairs": pairs, "decision": "different"}, format="json")
    assert answer.status_code == 400
    assert all(name.startswith("pairs") for name in answer.json()["error"]["fields"])


def test_an_upload_says_what_is_there_already(client, collection, owner, picture):
    other = CollectionFactory(owner=owner, name="Holidays")
    first = client.post("/api/v1/images/", {"file": picture(), "collection": other.pk}, format="multipart").json()
    again = client.post("/api/v1/images/", {"file": picture(), "collection": collection.pk}, format="multipart").json()
    assert first["copies"] == []
    [known] = again["copies"]
    assert (known["image"]["id"], known["same_file"], known["larger"]) == (first["id"], True, False)


def test_an_upload_tells_nothing_of_what_one_may_not_see(client, collection, picture, calls, stranger):
    hidden = CollectionFactory(owner=stranger)
    calls(stranger).post("/api/v1/images/", {"file": picture(), "collection": hidden.pk}, format="multipart")
    said = client.post("/api/v1/images/", {"file": picture(), "collection": collection.pk}, format="multipart").json()
    assert said["copies"] == []


def test_groups_are_resolved_and_brought_back(client, collection):
    large, small = pair(collection)
    wish = {"collection": str(collection.pk), "rule": ["pixels"]}
    said = client.post(f"{URL}resolve/", {**wish, "dry_run": True}, format="json").json()
    assert (said["kept"], said["trashed"], said["undo"]) == (1, 1, None)
    said = client.post(f"{URL}resolve/", wish, format="json").json()
    assert client.get(f"/api/v1/images/{small.pk}/").status_code == 404
    assert client.post("/api/v1/images/bulk/undo/", {"undo": said["undo"]}, format="json").json()["done"] == 1
    [group] = client.get(URL).json()["results"]
    named = {"groups": [group["id"]], "keep": [str(small.pk)]}
    assert client.post(f"{URL}resolve/", named, format="json").json()["trashed"] == 1
    assert client.get(f"/api/v1/images/{large.pk}/").status_code == 404


def test_a_scan_is_asked_for_followed_and_removed(client, collection):
    begun = client.post("/api/v1/scans/", {"collection": str(collection.pk), "with": str(collection.pk)}, format="json")
    job = begun.json()
    assert (begun.status_code, job["state"], job["pairs"]) == (202, "queued", 0)
    assert job["within"] == job["against"] == [str(collection.pk)]
    url = f"/api/v1/scans/{job['id']}/"
    assert client.get(url).json() == job
    assert client.post(f"{url}cancel/").status_code == 202
    assert client.delete(url).status_code == 204
    assert client.post("/api/v1/scans/", {"collections": []}, format="json").status_code == 400
