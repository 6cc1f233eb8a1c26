"""Addresses of servers: each form of URL, as Django, kombu and redis-py read it."""

from __future__ import annotations

import pytest

from imagesearch import servers


def test_database_by_tcp():
    entry = servers.database("postgresql://me:p%40ss@db.example:5433/pictures?sslmode=require")
    expected = {"NAME": "pictures", "USER": "me", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433"}
    assert {key: entry[key] for key in expected} == expected
    assert entry["OPTIONS"] == {"sslmode": "require"}


def test_database_by_socket():
    entry = servers.database("postgresql://me@/pictures?host=/run/postgres")
    assert (entry["HOST"], entry["PORT"], entry["USER"]) == ("/run/postgres", "", "me")
    assert entry["OPTIONS"] == {}


@pytest.mark.parametrize(
    ("url", "for_kombu", "for_client"),
    [
        ("redis://h:1/2", "redis://h:1/2", "redis://h:1/2"),
        ("rediss://h:1/2", "rediss://h:1/2?ssl_cert_reqs=required", "rediss://h:1/2"),
        (
            "rediss://h/2?ssl_ca_certs=/ca.pem",
            "rediss://h/2?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required",
            "rediss://h/2?ssl_ca_certs=/ca.pem",
        ),
        ("rediss://h/2?ssl_cert_reqs=none", "rediss://h/2?ssl_cert_reqs=none", "rediss://h/2?ssl_cert_reqs=none"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock", "unix:///run/v.sock"),
        ("unix://:p%40ss@/run/v.sock", "redis+socket://:p%40ss@/run/v.sock", "unix://:p%40ss@/run/v.sock"),
        ("unix:///run/v.sock?db=3", "redis+socket:///run/v.sock?virtual_host=3", "unix:///run/v.sock?db=3"),
        (
            "redis+socket:///run/v.sock?virtual_host=3",
            "redis+socket:///run/v.sock?virtual_host=3",
            "unix:///run/v.sock?db=3",
        ),
    ],
)
def test_broker(url, for_kombu, for_client):
    assert servers.broker(url) == for_kombu
    assert servers.client(url) == for_client
