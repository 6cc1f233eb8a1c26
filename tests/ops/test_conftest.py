"""The shared test servers are there."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from django.conf import settings
from django.db import connection

from imagesearch import servers
from tests.conftest import LONGEST, pytest_collection_modifyitems


@pytest.mark.django_db
def test_database_has_pgvector():
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        assert cursor.fetchone()[0] >= "0.8.5"


def test_broker_answers():
    assert redis.Redis.from_url(servers.client(settings.BROKER)).ping()


def test_each_parallel_worker_counts_in_a_database_of_its_own():
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    pool = redis.Redis.from_url(servers.client(settings.BROKER)).connection_pool
    assert pool.connection_kwargs["db"] == number % 16


def test_what_tests_write_stays_in_the_checkout(tmp_path):
    checkout = Path(__file__).parents[2]
    assert tmp_path.relative_to(checkout).parts[0] == ".pytest_tmp"
    assert ".pytest_tmp/" in (checkout / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_no_test_is_lost_and_each_worker_begins_with_a_long_room(monkeypatch, workers):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(workers))
    here = Path(__file__).parents[1]
    rooms = ["admin"] * 30 + ["browser"] * 4 + ["chaos"] * 9 + ["ops"] * 7 + ["web"] * 50
    given = [SimpleNamespace(path=here / room / "test_x.py") for room in rooms]
    ordered = list(given)
    pytest_collection_modifyitems(ordered)
    assert sorted(map(id, ordered)) == sorted(map(id, given))
    begins, left = [], list(ordered)
    for worker in range(workers):  # as pytest-xdist deals
        part = left[: len(left) // (workers - worker)]
        begins.append(part[0].path.parent.name)
        del left[: len(part)]
    assert begins[:3] == list(LONGEST[:workers])
