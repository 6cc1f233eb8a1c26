"""Of a collection of many pictures pages read few rows, by the account of PostgreSQL of every statement they send."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import plans, rows
from retrieval import reading
from retrieval.matching import copy_keys
from retrieval.models import (
    Collection,
    CopyKeys,
    Encoder,
    EncoderState,
    ImageFeatures,
    ImageText,
)
from retrieval.services.copies import candidates, looking
from retrieval.services.images import image_counts
from retrieval.work import features, texts
from tests.factories import CollectionFactory

MANY, FEW = 3_000, 600
MADE = (rows.PICTURES, rows.VECTORS, rows.KEYS, rows.JOBS)


@pytest.fixture(scope="module")
def large(once):
    """A person's collection of many pictures, ready and looked for."""
    collection = CollectionFactory(name="Many")
    encoder = Encoder.objects.create(name="wide", spec={}, dimension=64, state=EncoderState.ACTIVE)
    rows.make(collection.pk, owner=collection.owner_id, encoder=encoder.pk, count=MANY, statements=MADE)
    image_counts.fold()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return collection


def read(ask):
    """What each statement reads of tables, the most first; entries of an index that are passed over do not count."""
    with CaptureQueriesContext(connection) as sent:
        ask()
    statements = [query["sql"] for query in sent if query["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert statements
    found = [one for sql in statements for one in plans.readings(sql.replace("%", "%%"), ())]
    return sorted((one for one in found if not one.way.startswith("Index Only")), key=lambda one: -one.rows)


PAGES = (
    "",
    "?sort=name",
    "?sort=largest",
    "?sort=taken_first",
    "?month=2021-01",
    "?status=failed",
)


@pytest.mark.parametrize("asked", PAGES)
def test_a_page_of_a_collection_reads_few_rows(large, db, asked):
    client = Client()
    client.force_login(large.owner)
    answer = []
    most = read(lambda: answer.append(client.get(f"/collections/{large.pk}/{asked}")))[0]
    assert answer[0].status_code == 200
    assert most.rows < FEW, most


@pytest.mark.parametrize(
    "path", ["/", "/collections/", "/api/v1/images/", "/api/v1/status/", "/review/count/", "/activity/now/"]
)
def test_other_pages_read_few_rows_too(large, db, path):
    client = Client()
    client.force_login(large.owner)
    most = read(lambda: client.get(path))[0]
    assert most.rows < FEW, most


def test_to_see_that_no_copies_are_to_be_looked_for_nothing_is_read(large, db):
    found = read(lambda: looking.lacking().exists())
    assert sum(one.rows for one in found if one.table in {"retrieval_image", "retrieval_copykeys"}) < FEW
    one = large.images.first()
    CopyKeys.objects.filter(image=one).update(looked_at=None)
    assert list(looking.lacking()) == [one]


PRINTS = """
WITH made AS (
    SELECT id, string_agg(reverse(piece::bit(16)::text), '' ORDER BY place)::bit(256) AS pdq,
        array_agg(piece + (place << 16) ORDER BY place) AS prints
    FROM (
        SELECT id, place, floor(65536 * random())::int AS piece
        FROM retrieval_image, generate_series(0, 15) AS place WHERE collection_id = %s
    ) AS pieces GROUP BY id
), put AS (UPDATE retrieval_image image SET pdq = made.pdq FROM made WHERE image.id = made.id)
UPDATE retrieval_copykeys keys SET prints = made.prints FROM made WHERE keys.image_id = made.id
"""


def test_to_find_what_has_nearly_the_same_fingerprint_few_rows_are_read(large, db):
    """The planner believes that a third of all have a piece in common with one in any of its turns."""
    with connection.cursor() as cursor:
        cursor.execute(PRINTS, [large.pk])
        cursor.execute("ANALYZE retrieval_copykeys, retrieval_image")
    image = large.images.first()
    assert CopyKeys.objects.get(image=image).prints == copy_keys.of_print(image.pdq)
    twin = large.images.last()
    type(twin).objects.filter(pk=twin.pk).update(pdq=image.pdq)
    CopyKeys.objects.filter(image=twin).update(prints=copy_keys.of_print(image.pdq))
    found = []
    most = read(lambda: found.extend(candidates.candidates(image, None)))[0]
    assert found == [twin.pk]
    assert most.rows < FEW, most


DONE = {
    "local_features": (
        features,
        "INSERT INTO retrieval_imagefeatures (image_id, packed, created_at) SELECT id, '', now()",
    ),
    "read_text": (
        texts,
        "INSERT INTO retrieval_imagetext (image_id, text, lines, words, created_at) SELECT id, '', '[]', '', now()",
    ),
}


@pytest.mark.parametrize("wanted", DONE)
def test_to_see_that_nothing_is_to_be_found_in_pictures_none_is_read(large, db, monkeypatch, wanted):
    monkeypatch.setattr(reading, "is_installed", lambda: True)
    work, put = DONE[wanted]
    Collection.objects.filter(pk=large.pk).update(**{wanted: True})
    assert work.lacking().count() == MANY
    with connection.cursor() as cursor:
        cursor.execute(f"{put} FROM retrieval_image WHERE collection_id = %s", [large.pk])
        cursor.execute("ANALYZE retrieval_image")
    assert sum(one.rows for one in read(lambda: work.lacking().exists())) < FEW
    assert not work.lacking().exists()
    one = large.images.first()
    for table in (ImageFeatures, ImageText):
        table.objects.filter(image=one).delete()
    assert list(work.lacking()) == [one]
    large.images.filter(pk=one.pk).update(deleted_at=timezone.now())
    assert not work.lacking().exists()


def test_what_was_found_in_pictures_is_known_of_them_whatever_is_written_over_it(large, db):
    image = large.images.first()
    ImageFeatures.objects.create(image=image, packed=b"")
    image.save()  # as it was read, before there were any
    assert not large.images.get(pk=image.pk).has_features
    ImageFeatures.objects.filter(image=image).update(packed=b"x")
    assert large.images.get(pk=image.pk).has_features
