"""The shared test servers are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from imagesearch import servers


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
