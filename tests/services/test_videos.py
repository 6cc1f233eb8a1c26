"""Videos: a picture for each scene, the first at once, each with its second; made again and embedded as that scene."""

from __future__ import annotations

import dataclasses

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from retrieval import conf
from retrieval.ingest import Part, files, sandbox
from retrieval.models import ArchiveImport, EmbeddingJob, Image
from retrieval.services.images import archives, thumbnails
from retrieval.services.operations import audit
from retrieval.work import long_jobs, pipeline
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory
from tests.ingest.videos import needs_av, video

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def data():
    return video(kind="webm")


@pytest.fixture
def scenes(settings, tmp_path, client, data):
    """Those of an uploaded video, as one who uses the API gets them."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    collection = CollectionFactory()
    client.force_login(collection.owner)
    file = SimpleUploadedFile("walk.webm", data)
    answer = client.post("/api/v1/images/", {"file": file, "collection": str(collection.pk)})
    assert (answer.status_code, answer.json()["second"]) == (201, 0)
    job = ArchiveImport.objects.get(document=answer.json()["id"])
    while long_jobs.next_up(archives.KIND):
        long_jobs.run(archives.KIND, job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.failed) == ("done", 2, 0)
    listed = client.get("/api/v1/images/", {"document": str(job.document)}).json()["results"]
    rows = Image.objects.in_bulk([each["id"] for each in listed])
    assert {(each["document"]["page"], each["second"]) for each in listed} == {(1, 0), (2, 3), (3, 7)}
    return sorted(rows.values(), key=lambda row: row.page)


@needs_av
def test_every_scene_becomes_a_picture_with_its_second_and_is_made_again(scenes, client, data):
    assert [(each.page, each.pages, each.second, each.format) for each in scenes] == [
        (1, 3, 0, "WEBM"), (2, 3, 3, "WEBM"), (3, 3, 7, "WEBM"),
    ]  # fmt: skip
    assert [each.bytes for each in scenes] == [len(data), 0, 0]
    assert len({each.group_key for each in scenes}) == 1
    assert {each.title for each in scenes} == {"walk"}
    assert len({each.pdq for each in scenes}) == 3
    assert [found for check in audit.checks() if check.invariant in {2, 4, 6, 7} for found in check.run()] == []
    page = client.get(f"/pictures/{scenes[1].pk}/").content.decode()
    assert "Scene 2 of 3 · 0:03" in page
    assert f'href="/pictures/{scenes[2].pk}/"' in page
    kept = files.thumbnail(scenes[2].pk, scenes[2].sha256, size=320)
    before = kept.read_bytes()
    kept.unlink()
    assert thumbnails.make_again([scenes[2].pk]) == 1
    assert kept.read_bytes() == before


def test_what_is_embedded_is_the_scene(monkeypatch):
    image = ImageFactory(format="WEBM", page=2, pages=3, second=4.5)
    EmbeddingJob.objects.create(image_id=image.pk, encoder=EncoderFactory(), owner=image.uploader)
    asked = []
    monkeypatch.setattr(sandbox, "begin_query", lambda original, *, part, asker: asked.append(part))
    pipeline._next_batch([])
    assert asked == [Part(2, 3, 4.5)]
