"""By what a collection can be narrowed: counted for those who see it, in as many statements however large it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.services.images import browse, facets
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
    found = facets.of_collection(collection, user=collection.owner)
    assert counted(found.tags) == [("a", 2), ("b", 1)]
    assert (counted(found.groups), counted(found.cameras)) == ([("g", 1)], [("EOS", 2), ("X100", 1)])
    assert counted(found.months) == [(f"{undated.created_at:%Y-%m}", 1), ("2019-07", 2), ("2019-06", 1)]


def test_a_large_collection_takes_no_more_statements_and_is_looked_at_in_part(monkeypatch):
    collection = CollectionFactory()
    ImageFactory(collection=collection, camera="Old")
    ImageFactory.create_batch(3, collection=collection, camera="New")
    monkeypatch.setattr(browse, "LOOKED_AT", 3)
    with CaptureQueriesContext(connection) as queries:
        found = facets.of_collection(collection, user=collection.owner)
    assert len(queries) == 2
    assert counted(found.cameras) == [("New", 3)]
    assert sum(count for _, count in counted(found.months)) == 4


OTHERS = """SELECT indexrelid::regclass
    FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attname = 'collection_id'
    WHERE indrelid = 'retrieval_image'::regclass AND NOT indisprimary AND indkey[0] <> attnum"""


def test_the_newest_are_found_by_index_and_months_among_the_collection_s_pictures_alone():
    collection = CollectionFactory()
    ImageFactory.create_batch(2, collection=collection)
    with CaptureQueriesContext(connection) as queries:
        facets.of_collection(collection, user=collection.owner)
    with connection.cursor() as cursor:
        # Few rows are read in any way as quickly as in another, and what the database knows of them is an accident: so
        # only the ways are left that begin with a collection.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE retrieval_image DROP CONSTRAINT retrieval_image_pkey CASCADE")
        cursor.execute(OTHERS)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        plans = []
        for query in queries:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    newest, by_month = plans
    assert newest.count("Index Scan using image_newest_first") == newest.count("retrieval_image") == 1
    assert "Index Cond: (collection_id =" in by_month
