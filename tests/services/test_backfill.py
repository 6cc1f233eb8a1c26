"""Facts of files that came before they were kept: filled in where nothing is known, and nothing else touched."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from retrieval import conf
from retrieval.ingest import files
from retrieval.models import Image
from tests.factories import CollectionFactory, ImageFactory
from tests.ingest.test_metadata import NORTH, TAKEN, XMP, written

pytestmark = pytest.mark.django_db
DATA = written(exif={0x0110: "EOS R5", 0x8769: TAKEN, 0x8825: NORTH}, xmp=XMP)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A media folder for this test alone."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)


def put(collection, data=DATA, **fields):
    image = ImageFactory(collection=collection, **fields)
    path = files.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return image


def run(**options):
    out = io.StringIO()
    call_command("read_facts", stdout=out, verbosity=0, **options)
    return out.getvalue()


def test_files_fill_in_what_is_not_known():
    collection, private = CollectionFactory(), CollectionFactory(drop_place=True)
    old, damaged = put(collection, title="Mine", tags=["x"]), put(collection, b"nothing")
    known = put(collection, camera="Other")
    hidden = put(private)
    before = old.updated_at
    assert run() == "3 files read: 2 said something, 1 could not be read.\n"
    for row in (old, damaged, known, hidden):
        row.refresh_from_db()
    assert (old.taken_at, old.taken_offset) == (datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC), 120)
    assert (old.camera, round(old.latitude), old.title, old.tags) == ("EOS R5", -34, "Mine", ["x"])
    assert old.updated_at == before
    assert (known.camera, known.taken_at, damaged.camera) == ("Other", None, "")
    assert (hidden.camera, hidden.latitude) == ("EOS R5", None)
    assert run() == "1 files read: 0 said something, 1 could not be read.\n"


def test_it_goes_on_behind_a_picture_and_in_one_collection():
    first, second = (put(CollectionFactory(name=name)) for name in "AB")
    run(after=first.pk)
    assert list(Image.objects.exclude(camera="").values_list("pk", flat=True)) == [second.pk]
    assert run(collection="A").startswith("1 files read: 1")
    with pytest.raises(CommandError, match="--collection"):
        run(collection="C")
