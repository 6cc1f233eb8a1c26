"""By what a collection can be narrowed: in one statement however large it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.services.images import facets
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db


def counted(rows):
    return [(row.name, row.count) for row in rows]


def test_tags_groups_cameras_and_months_are_counted():
    collection = CollectionFactory()
    july, june = datetime(2019, 7, 31, 23, 59, tzinfo=UTC), datetime(2019, 6, 1, tzinfo=UTC)
    ImageFactory(collection=collection, tags=["a", "b"], camera="EOS", group_key="g", taken_at=july)
    ImageFactory(collection=collection, tags=["a"], camera="EOS", taken_at=july)
    ImageFactory(collection=collection, camera="X100", taken_at=june)
    ImageFactory(collection=collection, camera="EOS", taken_at=june, deleted_at=july)
    ImageFactory(camera="EOS", taken_at=june, tags=["a"])  # elsewhere
    undated = ImageFactory(collection=collection)
    found = facets.of_collection(collection)
    assert counted(found.tags) == [("a", 2), ("b", 1)]
    assert (counted(found.groups), counted(found.cameras)) == ([("g", 1)], [("EOS", 2), ("X100", 1)])
    assert counted(found.months) == [(f"{undated.created_at:%Y-%m}", 1), ("2019-07", 2), ("2019-06", 1)]


def test_a_large_collection_takes_no_more_than_one_statement():
    collection = CollectionFactory()
    ImageFactory(collection=collection, camera="Old")
    ImageFactory.create_batch(3, collection=collection, camera="New")
    with CaptureQueriesContext(connection) as queries:
        found = facets.of_collection(collection)
    assert len(queries) == 1
    assert counted(found.cameras) == [("New", 3), ("Old", 1)]
