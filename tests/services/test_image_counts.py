"""Counts of pictures that triggers keep: exact after every way of writing, folded without a change, mended."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from django.db import connection

from retrieval.models import Collection, CountKind, Image, ImageCount, ImageCountChange
from retrieval.services.images import image_counts
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db
NAMES = {CountKind.TAG: 24, CountKind.GROUP: 24, CountKind.CAMERA: 24, CountKind.MONTH: 100}
JULY, JUNE = datetime(2019, 7, 31, 23, 59, tzinfo=UTC), datetime(2019, 6, 1, tzinfo=UTC)


def literal(collection):
    """The same, counted picture by picture."""
    alive = Image.objects.alive().filter(collection=collection)
    had = {CountKind.TAG: [], CountKind.GROUP: [], CountKind.CAMERA: [], CountKind.MONTH: []}
    for image in alive:
        had[CountKind.TAG] += set(image.tags)
        had[CountKind.GROUP] += [image.group_key] if image.group_key else []
        had[CountKind.CAMERA] += [image.camera] if image.camera else []
        had[CountKind.MONTH] += [f"{image.taken_at or image.created_at:%Y-%m}"]
    return {kind: {name: names.count(name) for name in names} for kind, names in had.items()}, len(alive)


def kept(collection):
    found = image_counts.largest(collection.pk, most=NAMES)
    total = image_counts.total(within=Collection.objects.filter(pk=collection.pk))
    return {kind: dict(rows) for kind, rows in found.items()}, total


def written(images, others, rng):
    """One of the ways in which pictures are written."""
    some = Image.objects.filter(pk__in=[image.pk for image in rng.sample(images, 3)])
    ways = (
        lambda: some.update(tags=rng.sample(["a", "b", "c"], rng.randint(0, 3))),
        lambda: some.update(camera=rng.choice(["", "EOS"]), group_key=rng.choice(["", "g", "h"])),
        lambda: some.update(taken_at=rng.choice([None, JULY, JUNE])),
        lambda: some.update(deleted_at=rng.choice([None, JULY])),
        lambda: some.update(collection=rng.choice(others)),
        lambda: some.update(title="said"),
        lambda: some[:1].get().delete() if some.count() > 2 and Image.objects.count() > 6 else None,
        lambda: ImageFactory(collection=others[0], tags=["a", "a"], taken_at=JUNE),
        image_counts.fold,
    )
    rng.choice(ways)()


def test_counts_are_exact_after_every_way_of_writing():
    rng, homes = random.Random(7), [CollectionFactory(), CollectionFactory()]
    images = ImageFactory.create_batch(8, collection=homes[0], tags=["a"], camera="EOS", taken_at=JULY)
    for _ in range(30):
        written(images, homes, rng)
    assert [kept(home) for home in homes] == [literal(home) for home in homes]
    assert image_counts.miscounted() == set()
    assert sum(image_counts.total(within=Collection.objects.filter(pk=home.pk)) for home in homes) > 0


def test_what_changes_nothing_that_is_counted_writes_no_row():
    image = ImageFactory(tags=["a"])
    before = ImageCountChange.objects.count()
    Image.objects.filter(pk=image.pk).update(title="said", rating=3, tags=["a"])
    assert ImageCountChange.objects.count() == before


def test_folding_leaves_what_is_counted_and_no_change_nor_emptied_row():
    collection = CollectionFactory()
    images = ImageFactory.create_batch(3, collection=collection, tags=["a"], group_key="g")
    image_counts.fold()
    Image.objects.filter(pk=images[0].pk).update(tags=["b"])
    Image.objects.exclude(pk=images[0].pk).update(tags=[])
    before = kept(collection)
    image_counts.fold()
    assert kept(collection) == before == literal(collection)
    assert not ImageCountChange.objects.exists()
    assert not ImageCount.objects.filter(name="a").exists()


def test_the_largest_are_ranked_with_what_changed_since():
    collection = CollectionFactory()
    for name, count in (("a", 4), ("b", 3), ("c", 2), ("d", 1)):
        ImageFactory.create_batch(count, collection=collection, tags=[name])
    image_counts.fold()
    ImageFactory.create_batch(2, collection=collection, tags=["d"])
    Image.objects.filter(tags=["a"]).update(deleted_at=JULY)
    found = image_counts.largest(collection.pk, most={CountKind.TAG: 2})
    assert found == {CountKind.TAG: [("b", 3), ("d", 3)]}
    assert image_counts.named(collection.pk, CountKind.TAG, "d") == 3


def test_a_wrong_count_is_found_and_mended():
    image = ImageFactory(tags=["a"])
    image_counts.fold()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE retrieval_imagecount SET images = images + 1 WHERE kind = 'tag'")
    assert image_counts.miscounted() == {image.collection_id}
    image_counts.recount()
    assert image_counts.miscounted() == set()
    assert kept(image.collection) == literal(image.collection)
