"""A site of which somebody holds many connections open on purpose, and what others still get from it."""

from __future__ import annotations

import resource
import sys

import pytest
import requests

from bench.held import KINDS, held, large

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up as Linux shows them"),
]
ASKED = 10


@pytest.fixture(autouse=True)
def many_files():
    """Room for a thousand connections, and for what the tests have open beside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def held_and_asked(site, pictures, kind, count):
    """Hold connections, and ask meanwhile; returns the statuses of /healthz and of searches."""
    image = site.upload(large(pictures.next())).json()["id"]
    site.wait_ready(site.kept(), hurry=True)
    headers = {"Authorization": site.session.headers["Authorization"]}
    sent = KINDS[kind](f"/api/v1/images/{image}/file/", headers)
    with held(f"http://127.0.0.1:{site.port}/", sent, count=count) as opened:
        assert opened == count
        alive = [requests.get(site.page("healthz"), timeout=60).status_code for _ in range(ASKED)]
        found = [site.search(image).status_code for _ in range(ASKED)]
    return alive, found


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_held_connections_keep_nobody_from_an_answer(site, pictures, kind):
    assert held_and_asked(site, pictures, kind, 100) == ([200] * ASKED, [200] * ASKED)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_held_connections_keep_nobody_from_an_answer(site, pictures, kind, figure):
    assert held_and_asked(site, pictures, kind, 1000) == ([200] * ASKED, [200] * ASKED)
    figure(f"1,000 {kind}: {ASKED} of {ASKED} times alive, {ASKED} of {ASKED} searches answered")
