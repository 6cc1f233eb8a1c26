"""The trash: who sees what in it, what comes back with what, and what is removed before its time."""

from __future__ import annotations

import dataclasses
import io
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from retrieval import conf
from retrieval.errors import NotFound
from retrieval.models import Collection, Image, ImageDigest, UserUsage
from retrieval.services.images import bulk, bulk_undo, collections, images, purging, trash
from retrieval.services.images.bulk import Acts
from retrieval.services.images.choice import Choice
from retrieval.services.images.images import Upload
from retrieval.services.images.trash import Trashed
from tests.factories import CollectionFactory, ImageFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A media folder for this test alone."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    return tmp_path / "media"


@pytest.fixture
def collection():
    return CollectionFactory(visibility="shared")


def member(collection, role):
    person = UserFactory()
    collection.memberships.create(user=person, role=role)
    return person


def put(collection, seed=0):
    file = io.BytesIO(sample("PNG", seed=seed))
    return images.add(Upload(file, "a.png"), user=collection.owner, collection=collection).image


def rows(collection, count):
    made = ImageFactory.create_batch(count, collection=collection)
    for row in made:
        ImageDigest.objects.create(collection=collection, sha256=row.sha256, image=row)
    return made


def test_who_may_bring_back_sees_it_for_its_time(collection):
    (image,) = rows(collection, 1)
    people = {role: member(collection, role) for role in ("viewer", "contributor")}
    images.delete(image, user=collection.owner)
    assert not trash.deleted_images(people["viewer"]).exists()
    assert list(trash.deleted_images(people["contributor"])) == [image]
    assert not trash.deleted_images(UserFactory()).exists()
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=30, seconds=1))
    assert not trash.deleted_images(collection.owner).exists()
    with pytest.raises(NotFound):
        images.restore(image.pk, user=collection.owner)


def test_pictures_come_back_but_for_those_whose_bytes_came_again(collection):
    one, again = rows(collection, 2)
    for row in (one, again):
        images.delete(row, user=collection.owner)
    twin = ImageFactory(collection=collection, sha256=again.sha256)
    ImageDigest.objects.create(collection=collection, sha256=again.sha256, image=twin)
    viewer, nowhere = member(collection, "viewer"), uuid.uuid4()
    assert trash.restore(Trashed(images=[one.pk]), user=viewer).refused == [(one.pk, "not_found")]
    found = trash.restore(Trashed(images=[one.pk, again.pk, nowhere]), user=member(collection, "contributor"))
    assert (found.done, dict(found.refused)) == (1, {again.pk: "same_picture", nowhere: "not_found"})
    assert images.get(one.pk, user=collection.owner)
    assert ImageDigest.objects.filter(image=one, collection=collection).exists()


@pytest.mark.parametrize("marked", [0, 500])
def test_a_collection_comes_back_with_what_was_deleted_with_it(collection, monkeypatch, marked):
    monkeypatch.setattr(collections, "MARKED_AT_ONCE", marked)
    before, one, _ = rows(collection, 3)
    images.delete(before, user=collection.owner)
    collections.delete(collection, user=collection.owner)
    (shown,) = trash.deleted_collections(collection.owner)
    assert shown.image_count == 2
    manager = member(collection, "manager")
    assert trash.restore(Trashed(collections=[collection.pk]), user=manager).done == 0
    assert trash.restore(Trashed(collections=[collection.pk]), user=collection.owner).done == 1
    assert Image.objects.visible_to(collection.owner).count() == 2
    assert ImageDigest.objects.filter(collection=collection).count() == 2
    assert list(trash.deleted_images(collection.owner)) == [before]
    assert images.get(one.pk, user=manager)


def test_what_is_deleted_for_ever_is_gone_with_the_next_purge(collection, media):
    image = put(collection)
    contributor, manager = member(collection, "contributor"), member(collection, "manager")
    done = bulk.run(Choice(ids=[image.pk]), user=manager, acts=Acts(delete=True))
    assert UserUsage.objects.get(user=collection.owner).images == 1
    assert images.purge_deleted() == 0
    assert trash.remove(Trashed(images=[image.pk]), user=contributor).done == 0
    assert trash.remove(Trashed(images=[image.pk]), user=manager).done == 1
    assert trash.restore(Trashed(images=[image.pk]), user=manager).done == 0
    undone = bulk_undo.undo(done.undo, user=manager)
    assert (undone.done, undone.refused) == (0, [(image.pk, "image_changed")])
    assert images.purge_deleted() == 1
    assert UserUsage.objects.get(user=collection.owner).images == 0
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_a_collection_deleted_for_ever_goes_with_its_pictures(collection):
    rows(collection, 2)
    collections.delete(collection, user=collection.owner)
    assert trash.remove(Trashed(collections=[collection.pk]), user=collection.owner).done == 1
    assert not trash.deleted_collections(collection.owner).exists()
    UserUsage.objects.create(user=collection.owner, images=2, bytes=200)
    images.purge_deleted()
    assert not Collection.objects.exists()


def test_without_a_trash_there_are_some_seconds_for_an_undo(settings):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), trash_days=0)
    assert timedelta(seconds=9) < timezone.now() - purging.kept_since() < timedelta(minutes=1)
