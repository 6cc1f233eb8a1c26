"""The sums over collections: exact, kept until something changes, and of nothing that the person may not see."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Embedding, EmbeddingCount
from retrieval.search import moments, stored, vectors
from tests.factories import CollectionFactory, UserFactory
from tests.search.rows import DIMENSION, clustered, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection(db):
    return CollectionFactory()


@pytest.fixture(autouse=True)
def nothing_kept():
    moments._kept.clear()


def only(collection, encoder):
    (part,) = moments.parts(encoder, user=collection.owner, collections=(collection.pk,))
    return part


def of(collection, encoder):
    return moments.of(only(collection, encoder), dimension=DIMENSION)


def assert_sums(found, units):
    assert found.count == len(units)
    np.testing.assert_allclose(found.total, sum(units), atol=1e-4)
    np.testing.assert_allclose(found.products, sum(np.outer(unit, unit) for unit in units), atol=1e-4)


def test_sums_are_those_of_the_stored_vectors(collection, encoder, monkeypatch):
    monkeypatch.setattr(moments, "AT_ONCE", 7)  # the last batch is a part of one
    raw = clustered(30, seed=1)
    put(collection, raw, encoder=encoder)
    put(CollectionFactory(), clustered(5, seed=2), encoder=encoder)
    assert_sums(of(collection, encoder), list(vectors.unit(raw).vectors.astype(np.float64)))


def written(collection, encoder, image):
    (vector,) = vectors.one_by_one(clustered(1, seed=9))
    stored.put(encoder, {image.pk: vector}, places={image.pk: collection.pk})


CHANGES = {
    "added": lambda collection, encoder, images: put(collection, clustered(1, seed=3), encoder=encoder),
    "taken away": lambda collection, encoder, images: stored.remove(encoder.pk, [images[0].pk]),
    "hidden": lambda collection, encoder, images: stored.place(images[0].pk, None),
    "moved": lambda collection, encoder, images: stored.place(images[0].pk, CollectionFactory().pk),
    "written over": lambda collection, encoder, images: written(collection, encoder, images[0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_they_are_kept_until_a_vector_changes(collection, encoder, change):
    images = put(collection, clustered(8, seed=1), encoder=encoder)
    before = of(collection, encoder)
    assert of(collection, encoder) is before
    change(collection, encoder, images)
    after = of(collection, encoder)
    rows = Embedding.objects.filter(encoder=encoder, collection=collection).values_list("vector", flat=True)
    assert_sums(after, [np.array(unit, np.float64) for unit in rows])
    assert not np.allclose(after.products, before.products)


def test_a_swap_that_leaves_the_number_is_a_change_of_both(collection, encoder):
    other = CollectionFactory(owner=collection.owner)
    (one,), (two,) = (
        put(each, clustered(1, seed=seed), encoder=encoder) for seed, each in ((1, collection), (2, other))
    )
    before = [of(each, encoder) for each in (collection, other)]
    stored.place(one.pk, other.pk)
    stored.place(two.pk, collection.pk)
    counts = EmbeddingCount.objects.filter(encoder=encoder).values_list("images", flat=True)
    assert list(counts) == [1, 1]
    after = [of(each, encoder) for each in (collection, other)]
    np.testing.assert_allclose(after[0].products, before[1].products)
    np.testing.assert_allclose(after[1].products, before[0].products)


def test_nothing_takes_part_that_the_person_may_not_see(collection, encoder):
    put(collection, clustered(3, seed=1), encoder=encoder)
    shown = CollectionFactory(visibility="public")
    put(shown, clustered(3, seed=2), encoder=encoder)
    stranger = UserFactory()
    assert [part.collection for part in moments.parts(encoder, user=stranger, collections=None)] == [shown.pk]
    assert moments.parts(encoder, user=stranger, collections=(collection.pk,)) == ()


def test_what_is_kept_has_a_bound(collection, encoder, monkeypatch):
    monkeypatch.setattr(moments, "KEPT_BYTES", 2 * 8 * (DIMENSION + DIMENSION**2))
    for seed in range(3):
        each = CollectionFactory(owner=collection.owner)
        put(each, clustered(2, seed=seed), encoder=encoder)
        of(each, encoder)
    assert len(moments._kept) == 2
