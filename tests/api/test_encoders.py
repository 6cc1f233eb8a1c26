"""Encoders, jobs and status through the API."""

from __future__ import annotations

import io
import uuid
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from retrieval import conf
from retrieval.models import ArchiveImport, ImportIssue
from retrieval.work import long_jobs
from tests.factories import EncoderFactory, ImageFactory, UserFactory, job
from tests.search.rows import put

BASE = "/api/v1/encoders/"


@pytest.fixture
def admin(db):
    """An administrator."""
    return UserFactory(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def active(db):
    """The active encoder."""
    return EncoderFactory(name="now", dimension=3)


def test_everyone_signed_in_reads_encoders_with_their_scores(owner, active, calls):
    active.scores = {"corel1k": {"map": 0.9, "digest": "x"}}
    active.save()
    (row,) = calls(owner).get(BASE).json()["results"]
    assert (row["name"], row["state"], row["scores"]["corel1k"]["map"]) == ("now", "active", 0.9)
    assert calls(owner).get(f"{BASE}{active.pk}/").json() == row
    assert calls(owner).get(f"{BASE}{uuid.uuid4()}/").status_code == 404


@pytest.mark.parametrize("call", ["build", "activate"])
def test_only_administrators_change_encoders(owner, active, calls, call):
    assert calls(owner).post(f"{BASE}{active.pk}/{call}/", {}, format="json").status_code == 403


def test_an_encoder_is_built_then_activated(admin, active, calls):
    other = EncoderFactory(name="next", dimension=3, state="draft")
    client = calls(admin)
    built = client.post(f"{BASE}{other.pk}/build/")
    assert (built.status_code, built.json()["state"]) == (202, "building")
    assert set(built.json()["progress"]) == {"done", "failed", "total", "seconds_left"}
    refused = client.post(f"{BASE}{active.pk}/build/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "encoder_active")


def test_an_encoder_that_is_not_active_is_dropped(admin, active, calls, monkeypatch):
    from retrieval.services.encoders import indexes

    monkeypatch.setattr(indexes, "drop", lambda encoder: None)
    other = EncoderFactory(name="old", dimension=3, state="retired")
    client = calls(admin)
    assert client.delete(f"{BASE}{other.pk}/").status_code == 204
    assert client.get(f"{BASE}{other.pk}/").status_code == 404
    refused = client.delete(f"{BASE}{active.pk}/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "encoder_active")


def test_a_worse_encoder_needs_a_reason(admin, active, calls, collection, monkeypatch):
    from retrieval.services.encoders import indexes

    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    ImageFactory(collection=collection)
    other = EncoderFactory(name="next", dimension=3, state="building")
    address = f"{BASE}{other.pk}/activate/"
    client = calls(admin)
    refused = client.post(address, {}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "encoder_incomplete")
    done = client.post(address, {"force_reason": "We know what we do."}, format="json")
    assert (done.status_code, done.json()["state"], done.json()["note"]) == (200, "active", "We know what we do.")


def test_the_kind_of_index_is_chosen(admin, owner, active, collection, calls):
    address = f"{BASE}{active.pk}/index/"
    assert calls(owner).get(address).status_code == 403
    refused = calls(admin).put(address, {"kind": "bits"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "encoder_incomplete")
    put(collection, np.ones((2, 3), np.float32), encoder=active)
    done = calls(admin).put(address, {"kind": "bits"}, format="json")
    assert (done.status_code, done.json()) == (202, calls(admin).get(address).json())
    nothing = {"size": 0, "recall": None, "k": None, "measured_size": None, "measured_at": None}
    kinds = [{"kind": "halves", "wanted": False, **nothing}, {"kind": "bits", "wanted": True, **nothing}]
    assert done.json() == {"kinds": kinds}
    assert calls(admin).put(address, {"kind": "other"}, format="json").status_code == 400


def test_status_counts_only_what_the_caller_sees(owner, stranger, active, collection, calls):
    ImageFactory(collection=collection)
    mine = calls(owner).get("/api/v1/status/").json()
    assert (mine["encoder"], mine["images"]["total"], mine["pending"]) == ("now", 1, 1)
    assert set(mine["services"]) >= {"database", "worker"}
    assert mine["version"]
    assert calls(stranger).get("/api/v1/status/").json()["images"]["total"] == 0


def test_jobs_say_what_failed_and_try_it_again(owner, active, collection, calls):
    failed = {"state": "failed", "error_code": "decoder_crashed", "error_text": "Crashed."}
    job(ImageFactory(collection=collection), active, **failed)
    client = calls(owner)
    seen = client.get("/api/v1/jobs/").json()
    assert (seen["failed"], seen["by_reason"][0]["code"]) == (1, "decoder_crashed")
    assert seen["by_collection"][0]["collection"] == str(collection.pk)
    answer = client.post("/api/v1/jobs/retry/", {"code": "decoder_crashed"}, format="json")
    assert (answer.status_code, answer.json()) == (202, {"retried": 1})


def test_a_projection_becomes_a_draft(admin, active, calls, collection, monkeypatch):
    from retrieval.services.encoders import projections

    seen = []

    def learn(source, request, *, user):
        seen.append((source, request, user))
        return EncoderFactory(name=request.name, dimension=request.dimension, state="draft")

    monkeypatch.setattr(projections, "learn", learn)
    body = {"name": "better", "dimension": 2, "method": "supervised", "by": "group_key"}
    answer = calls(admin).post(f"{BASE}{active.pk}/projections/", body, format="json")
    assert (answer.status_code, answer.json()["name"], answer.json()["state"]) == (201, "better", "draft")
    assert seen == [(active, projections.ProjectionRequest("better", 2, "supervised", None, "group_key"), admin)]
    hidden = calls(admin).post(f"{BASE}{active.pk}/projections/", {**body, "collection": collection.pk}, format="json")
    assert hidden.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a b", "dimension": 2}, "name"), ({"name": "a"}, "dimension"), ({"dimension": 2}, "name"),
        ({"name": "a", "dimension": 2, "method": "magic"}, "method"),
        ({"name": "a", "dimension": 2, "by": "colour"}, "by"), ({"name": "a", "dimension": 4}, "dimension"),
    ],
)  # fmt: skip
def test_a_projection_that_cannot_be_names_the_field(admin, active, calls, body, field):
    answer = calls(admin).post(f"{BASE}{active.pk}/projections/", body, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])


@pytest.fixture
def own_folder(settings, tmp_path):
    """Keep the files of a test apart."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)


def archive(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, data in members:
            made.writestr(name, data)
    file.seek(0)
    file.name = "birds.zip"
    return file


@pytest.mark.usefixtures("own_folder", "active")
def test_an_archive_is_taken_in_and_followed(owner, stranger, collection, calls, picture):
    body = {"file": archive(("a.png", picture().getvalue())), "collection": str(collection.pk)}
    answer = calls(owner).post("/api/v1/archives/", body, format="multipart")
    assert answer.status_code == 202, answer.content
    fields = {"id", "state", "total", "done", "failed", "skipped", "errors"}
    assert set(answer.json()) >= fields
    row = ArchiveImport.objects.get()
    ImportIssue.objects.create(job=row, name="b.txt", code="format_not_allowed", message="Not a picture.")
    seen = calls(owner).get(f"/api/v1/imports/{row.pk}/").json()
    assert seen["errors"] == [{"name": "b.txt", "code": "format_not_allowed", "message": "Not a picture."}]
    assert calls(stranger).get(f"/api/v1/imports/{row.pk}/").status_code == 404


@pytest.mark.usefixtures("own_folder", "active")
def test_an_archive_that_failed_as_a_whole_says_why(owner, collection, calls, picture):
    from retrieval.services.images import archives

    body = {"file": archive(("a.png", picture().getvalue())), "collection": str(collection.pk)}
    started = calls(owner).post("/api/v1/archives/", body, format="multipart").json()
    assert started["error"] is None
    row = ArchiveImport.objects.get()
    (conf.get().incoming / row.file).unlink()
    long_jobs.run(archives.KIND, row.pk)
    seen = calls(owner).get(f"/api/v1/imports/{row.pk}/").json()
    assert (seen["state"], seen["errors"]) == ("failed", [])
    assert seen["error"] == {"code": "archive_missing", "message": "The archive is not there any more."}


@pytest.mark.usefixtures("own_folder")
def test_what_is_no_archive_is_refused(owner, collection, calls):
    file = io.BytesIO(b"no archive")
    file.name = "birds.zip"
    body = {"file": file, "collection": str(collection.pk)}
    assert calls(owner).post("/api/v1/archives/", body, format="multipart").status_code == 415
