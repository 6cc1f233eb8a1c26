"""One index per encoder: built, found, repaired after a killed build, rebuilt, dropped."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from django.db import Error, connection, transaction
from django.db.transaction import TransactionManagementError

from retrieval.errors import Conflict
from retrieval.models import Embedding, Encoder
from retrieval.search import indexes
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import DIMENSION, clustered, drop_indexes, put

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def clean(db):
    """Leave no index behind."""
    yield
    drop_indexes()


@pytest.fixture
def other():
    """A second connection to the same database."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        yield other


@pytest.fixture
def filled(encoder):
    put(CollectionFactory(), clustered(200, seed=1), encoder=encoder)
    return encoder


def test_built_index_is_valid_and_holds_the_encoders_rows_only(filled):
    stranger = EncoderFactory(dimension=3, state="draft")
    put(CollectionFactory(), clustered(50, seed=2, dimension=3), encoder=stranger)
    assert indexes.find(filled) is None
    indexes.build(filled, rows=200)
    found = indexes.find(filled)
    assert found.valid
    assert found.rows == 200
    assert found.size > 0
    assert indexes.find(stranger) is None


def test_building_again_changes_nothing(filled):
    indexes.build(filled, rows=200)
    before = oid(filled)
    indexes.build(filled, rows=200)
    assert oid(filled) == before


def oid(encoder):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)::oid", [f"public.{indexes.name_of(encoder)}"])
        return cursor.fetchone()[0]


def test_a_killed_build_leaves_an_invalid_index_which_the_next_build_replaces(filled, other):
    row = Embedding.objects.filter(encoder=filled).first()
    other.execute("BEGIN")
    # An open transaction that wrote to the table holds the build up, so that it can be killed midway.
    other.execute(
        "UPDATE retrieval_embedding SET created_at = now() WHERE image_id = %s AND encoder_id = %s",
        [row.image_id, filled.pk],
    )
    seen = []
    builder = threading.Thread(target=build_and_report, args=(filled, seen))
    builder.start()
    wait_for(lambda: indexes.find(filled) is not None)
    assert indexes.is_building(filled)
    with pytest.raises(Conflict) as caught:
        indexes.build(filled, rows=200)
    assert caught.value.code == "index_building"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%'"
            " AND pid <> pg_backend_pid() AND datname = current_database()"
        )
    builder.join(10)
    other.execute("ROLLBACK")
    assert seen == ["killed"]
    assert not indexes.find(filled).valid
    assert not indexes.is_building(filled)
    indexes.build(filled, rows=200)
    assert indexes.find(filled).valid


def build_and_report(encoder, seen):
    try:
        indexes.build(encoder, rows=200)
    except Error:
        seen.append("killed")
    finally:
        connection.close()


def wait_for(condition):
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_progress_is_seen_from_another_connection(filled, other):
    assert indexes.progress() is None
    other.execute("BEGIN")
    other.execute("UPDATE retrieval_embedding SET created_at = now()")
    builder = threading.Thread(target=build_and_report, args=(filled, []))
    builder.start()
    wait_for(lambda: indexes.progress() is not None)
    assert indexes.progress().phase
    other.execute("ROLLBACK")
    builder.join(20)
    assert indexes.find(filled).valid


def test_rebuilding_replaces_the_index(filled):
    indexes.build(filled, rows=200)
    size = oid(filled)
    indexes.rebuild(filled, rows=200)
    assert indexes.find(filled).valid
    assert oid(filled) != size


@pytest.fixture
def in_parallel(filled):
    """As for a large table: PostgreSQL builds by several processes, however few rows there are."""
    with connection.cursor() as cursor:
        cursor.execute("SET min_parallel_table_scan_size = 0")
        cursor.execute("SET max_parallel_maintenance_workers = 2")
    yield
    connection.close()


@pytest.mark.usefixtures("in_parallel")
def test_without_room_in_shared_memory_one_process_builds_alone(filled, monkeypatch, caplog):
    monkeypatch.setattr(indexes, "memory", lambda *_, **__: 2**40)
    indexes.build(filled, rows=200)
    assert "one goes on alone" in caplog.text
    assert indexes.find(filled).valid
    caplog.clear()
    indexes.rebuild(filled, rows=200)
    assert "one goes on alone" in caplog.text
    assert indexes.names() == [indexes.name_of(filled)]


@pytest.mark.usefixtures("in_parallel")
def test_with_room_it_is_built_by_several_at_once(filled, caplog):
    said = []
    connection.connection.add_notice_handler(lambda notice: said.append(notice.message_primary))
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = debug1")
    indexes.build(filled, rows=200)
    assert "using 2 parallel workers" in said
    assert not caplog.text
    assert indexes.find(filled).valid


def test_dropping_leaves_none(filled):
    indexes.build(filled, rows=200)
    assert indexes.names() == [indexes.name_of(filled)]
    indexes.drop(filled.pk)
    indexes.drop(filled.pk)
    assert indexes.names() == []


def test_building_leaves_the_connections_settings_alone(filled):
    indexes.build(filled, rows=200)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings WHERE name LIKE 'ma%' AND setting <> reset_val")
        assert cursor.fetchall() == []


def test_no_index_is_built_inside_a_transaction(filled):
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        indexes.build(filled, rows=200)


@pytest.mark.parametrize(
    ("rows", "dimension", "kind", "megabytes"),
    [
        (10, 256, "halves", 64),
        (100_000, 512, "halves", 271),
        (10_000_000, 1280, "halves", 2048),
        (100_000, 512, "bits", 88),
    ],
)
def test_memory_grows_with_rows_and_dimension_within_bounds(rows, dimension, kind, megabytes):
    assert indexes.memory(rows, Encoder(dimension=dimension, index_kind=kind), most=2**31) // 2**20 == megabytes


def test_statement_is_partial_and_cast(encoder):
    statement = indexes.statement(encoder)
    assert f"(vector::halfvec({DIMENSION})) halfvec_cosine_ops" in statement
    assert f"WHERE encoder_id = '{encoder.pk}'" in statement
