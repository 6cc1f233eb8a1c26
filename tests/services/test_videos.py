"""Videos: a picture for each scene, the first at once, each with its second; made again and embedded as that scene."""

from __future__ import annotations

import dataclasses
import io

import pytest

from retrieval import conf
from retrieval.ingest import Part, files, sandbox
from retrieval.models import ArchiveImport, EmbeddingJob, Image
from retrieval.services.images import archives, images, thumbnails
from retrieval.services.images.images import Upload
from retrieval.services.operations import audit
from retrieval.work import long_jobs, pipeline
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory
from tests.ingest.videos import needs_av, video

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def data():
    return video(kind="webm")


@pytest.fixture
def scenes(settings, tmp_path, data):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    collection = CollectionFactory()
    upload = Upload(io.BytesIO(data), name="walk.webm")
    first = images.add(upload, user=collection.owner, collection=collection).image
    job = ArchiveImport.objects.get(document=first.pk)
    while long_jobs.next_up(archives.KIND):
        long_jobs.run(archives.KIND, job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.failed) == ("done", 2, 0)
    return list(Image.objects.filter(document=first.pk).order_by("page"))


@needs_av
def test_every_scene_becomes_a_picture_with_its_second_and_is_made_again(scenes, data):
    assert [(each.page, each.pages, each.second, each.format) for each in scenes] == [
        (1, 3, 0, "WEBM"), (2, 3, 3, "WEBM"), (3, 3, 7, "WEBM"),
    ]  # fmt: skip
    assert [each.bytes for each in scenes] == [len(data), 0, 0]
    assert len({each.group_key for each in scenes}) == 1
    assert {each.title for each in scenes} == {"walk"}
    assert len({each.pdq for each in scenes}) == 3
    assert [found for check in audit.checks() if check.invariant in {2, 4, 6, 7} for found in check.run()] == []
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
