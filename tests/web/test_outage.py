"""Addresses that look after themselves less than the pages do, while there is no database."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from retrieval.web.outage import Outage
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def refuse(_execute, _sql, _params, _many, _context):
    """Be a database that is away."""
    raise OperationalError("the connection is lost")


@pytest.mark.parametrize("path", ["/metrics", "/admin/", "/admin/auth/user/"])
def test_a_database_that_is_away_is_503_everywhere(client, path):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    with connection.execute_wrapper(refuse):
        answer = client.get(path)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"


def test_the_page_offers_nobody_to_sign_in_whom_it_cannot_know(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    with connection.execute_wrapper(refuse):
        told = client.get("/admin/").content.decode()
    assert "Your pictures are safe" in told
    assert "Sign in" not in told
    client.logout()
    assert "Sign in" in client.get("/nothing/").content.decode()


def test_without_the_last_net_a_database_that_is_away_is_a_500(client, monkeypatch):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    client.raise_request_exception = False
    monkeypatch.setattr(Outage, "process_exception", lambda *_: None)
    with connection.execute_wrapper(refuse):
        assert client.get("/admin/auth/user/").status_code == 500


def test_other_mistakes_are_left_to_django(client, monkeypatch):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    monkeypatch.setattr("retrieval.telemetry.IMAGES", "SELECT 1 / 0")
    client.raise_request_exception = False
    assert client.get("/metrics").status_code == 500
