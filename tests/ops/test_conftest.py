"""The shared test servers are there."""

from __future__ import annotations

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
