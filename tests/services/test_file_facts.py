"""What a file says fills what its uploader left open, and never what they said."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime

import pytest

from retrieval import conf
from retrieval.services.images import choice, favourites, images
from retrieval.services.images.choice import ImageFilters
from retrieval.services.images.image_fields import ImageChanges
from retrieval.services.images.images import Upload
from tests.factories import CollectionFactory, ImageFactory, UserFactory
from tests.ingest.test_metadata import NORTH, TAKEN, XMP, written

pytestmark = pytest.mark.django_db
DATA = written(exif={0x0110: "EOS R5", 0x8769: TAKEN, 0x8825: NORTH}, xmp=XMP)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A media folder for this test alone."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)


def put(collection, **said):
    upload = Upload(io.BytesIO(DATA), "DSC_1.jpg", ImageChanges(**said))
    return images.add(upload, user=collection.owner, collection=collection).image


def test_a_file_s_words_fill_what_was_left_open():
    image = put(CollectionFactory())
    assert (image.title, image.caption, list(image.tags)) == ("A robin", "In the\ngarden", ["bird", "red"])
    assert (image.taken_at, image.taken_offset) == (datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC), 120)
    assert (image.camera, round(image.latitude), round(image.longitude)) == ("EOS R5", -34, 151)


def test_what_the_uploader_said_stands_be_it_empty():
    said = {"title": "Mine", "caption": "", "tags": [], "taken_at": datetime(2020, 1, 1), "path": "a/b.jpg"}
    image = put(CollectionFactory(), **said)
    assert (image.title, image.caption, list(image.tags), image.path) == ("Mine", "", [], "a/b.jpg")
    assert (image.taken_at.year, image.taken_offset) == (2020, None)


def test_a_collection_may_drop_places():
    image = put(CollectionFactory(drop_place=True))
    assert (image.latitude, image.longitude, image.camera) == (None, None, "EOS R5")


def test_lists_are_filtered_and_ordered_by_it():
    collection = CollectionFactory()
    early = ImageFactory(collection=collection, taken_at=datetime(2020, 1, 1, tzinfo=UTC), camera="A", path="x/1.jpg")
    late = ImageFactory(collection=collection, taken_at=datetime(2021, 1, 1, tzinfo=UTC), camera="B", path="y/1.jpg")
    undated = ImageFactory(collection=collection)
    favourites.mark(late, user=collection.owner, wanted=True)

    def listed(**filters):
        return set(choice.listing(collection.owner, filters=ImageFilters(**filters)))

    day = datetime(2020, 6, 1, tzinfo=UTC)
    assert (listed(taken_after=day), listed(taken_before=day)) == ({late}, {early})
    assert (listed(camera="A"), listed(path="y/")) == ({early}, {late})
    assert (listed(favourite=True), listed(favourite=False)) == ({late}, {early, undated})
    rows = choice.listing(collection.owner, filters=ImageFilters())
    assert list(rows.order_by("moment")) == [early, late, undated]  # without a date: by when it came


def test_a_mark_is_its_person_s_alone():
    collection = CollectionFactory(visibility="public")
    image, other = ImageFactory(collection=collection), UserFactory()
    favourites.mark(image, user=other, wanted=True)
    assert [images.get(image.pk, user=person).favourite for person in (other, collection.owner)] == [True, False]
    favourites.mark(image, user=other, wanted=False)
    assert not images.get(image.pk, user=other).favourite
