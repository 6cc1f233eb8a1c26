"""The originals of many pictures as one ZIP, block by block, which an upload of it reads again."""

from __future__ import annotations

import dataclasses
import io
import uuid
import zipfile

import pytest

from retrieval import conf
from retrieval.errors import InvalidInput, NotFound
from retrieval.ingest import store
from retrieval.models import AuditEvent
from retrieval.services.images import originals, tables
from retrieval.services.images.choice import Choice, ImageFilters
from retrieval.zip_stream import ZipMember, ZipStream
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A media folder for this test alone."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)


def put(collection, data=b"bytes", **fields):
    image = ImageFactory(collection=collection, bytes=len(data), **fields)
    path = store.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return image


def opened(bundle):
    return zipfile.ZipFile(io.BytesIO(b"".join(bundle.stream())))


def test_the_table_in_it_says_the_same_when_it_is_read_again():
    collection = CollectionFactory()
    said = {"caption": 'A "quoted",\nlong one', "group_key": "g", "source_url": "https://example.org/",
            "metadata": {"né": [1]}}  # fmt: skip
    one = put(collection, b"one", title="Möwe", tags=["bird", "red"], **said)
    other = put(collection, b"other", title="möwe", tags=["a, b", "[c"])
    archive = opened(originals.bundle(Choice(filters=ImageFilters(collection=collection.pk)), user=collection.owner))
    assert archive.testzip() is None
    assert archive.namelist() == ["Möwe.png", "möwe (2).png", "metadata.csv"]
    assert [archive.read(name) for name in archive.namelist()[:2]] == [b"one", b"other"]
    texts = tables.read(archive.read("metadata.csv"))
    for name, image in (("Möwe.png", one), ("möwe (2).png", other)):
        found = texts[name]
        assert (found.title, list(found.tags)) == (image.title, image.tags)
    assert {name: getattr(texts["Möwe.png"], name) for name in said} == said


def test_what_is_hidden_or_gone_is_left_out_and_named():
    collection = CollectionFactory()
    here, hidden, lost = put(collection, title="a"), put(CollectionFactory()), put(collection, title="b")
    store.original(lost.sha256).unlink()
    choice, nowhere = Choice(ids=[here.pk, hidden.pk, lost.pk]), uuid.uuid4()
    archive = opened(originals.bundle(choice, user=collection.owner))
    assert archive.namelist() == ["a.png", "metadata.csv", "left_out.csv"]
    assert archive.read("left_out.csv").decode().split() == [
        "id,code", f"{hidden.pk},not_found", f"{lost.pk},file_missing"
    ]  # fmt: skip
    (line,) = AuditEvent.objects.filter(action="images.downloaded")
    assert line.detail["images"] == [str(here.pk), str(lost.pk)]
    with pytest.raises(NotFound):
        originals.bundle(Choice(ids=[hidden.pk, nowhere]), user=collection.owner)


def test_it_holds_no_more_than_its_bound(monkeypatch):
    collection = CollectionFactory()
    ImageFactory.create_batch(2, collection=collection)
    monkeypatch.setattr(originals, "MOST", 1)
    with pytest.raises(InvalidInput):
        originals.bundle(Choice(filters=ImageFilters(collection=collection.pk)), user=collection.owner)


def test_no_more_than_a_block_is_read_before_it_is_asked_for():
    asked = []

    def blocks():
        for number in range(4):
            asked.append(number)
            yield b"x" * 1000

    stream = ZipStream([ZipMember("a", blocks(), 4000, originals.timezone.now())])
    assert asked == []
    first = stream.read(500)
    assert asked == [0]
    rest = stream.hand_over()
    stream.close()
    assert stream.read(1) in {b"", b"P"}  # an empty archive at most: the other has what is left
    data = first + b"".join(iter(lambda: rest.read(700), b""))
    assert zipfile.ZipFile(io.BytesIO(data)).read("a") == b"x" * 4000
