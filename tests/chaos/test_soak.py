"""Half an hour of ordinary use: no server error, nothing lost, and the memory of each program stays flat."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.chaos import memory
from tests.chaos.site import ROOT, Site, free_port
from tests.chaos.soak import CHANGES_EVERY, LOOK_EVERY, SEARCHES_EVERY, UPLOADS_EVERY, Soak
from tests.chaos.test_scale import running

pytestmark = [pytest.mark.chaos, pytest.mark.long]

MINUTES, CALM_MINUTES = 30, 10
MOST = 0.8  # share of what was due that must have been done, and looked at
BEYOND_BUFFERS = 32  # MiB that PostgreSQL shares besides: locks, the state of its processes, pages of its log
ENDLESS = {"IMAGESEARCH_UPLOAD_SEARCHES": "1000000"}


def as_due(seen, *, minutes):
    """Was the site used and looked at as much as it should be?"""
    every = {"upload": UPLOADS_EVERY, "search": SEARCHES_EVERY, "edit": CHANGES_EVERY, "delete": CHANGES_EVERY}
    for act, pause in every.items():
        assert seen.done[act] >= MOST * minutes * 60 / pause, (act, dict(seen.done), dict(seen.statuses))
    assert seen.looks >= MOST * minutes * 60 / LOOK_EVERY


def all_flat(seen, names):
    """The rule: less than a tenth more at the end, and PostgreSQL's shared memory within its bound."""
    what = json.dumps({name: [dataclasses.astuple(one) for one in rows] for name, rows in seen.readings.items()})
    if folder := os.environ.get("IMAGESEARCH_SOAK_READINGS"):
        Path(folder, f"readings-{len(names)}.json").write_text(what)
    sys.stdout.write(f"{what}\n")  # whole where a test failed: pytest shortens what an assertion says
    for name in names:
        assert len(seen.readings[name]) >= MOST / 2 * seen.looks, (name, seen.looks)
    assert max(one.shared for one in seen.readings["postgres"]) <= memory.SHARED_BUFFERS + BEYOND_BUFFERS
    grown = seen.growth()
    assert all(grown[name] < memory.FLAT for name in names), grown
    return ", ".join(f"{name} {grown[name]:+.1%}" for name in sorted(names))


def test_a_soak_of_half_an_hour(figure, pictures, dice):
    """Uploads, searches, edits and deletions while a worker is killed each minute; nothing grows, nothing is lost.

    Then a while without a kill, as a process that lives for a minute cannot show that it grows.
    """
    with running(**ENDLESS) as site:
        seen = Soak(site, pictures, dice).run(minutes=MINUTES)
        calm = Soak(site, pictures, dice, images=seen.images).run(minutes=CALM_MINUTES, kill=False)
        site.wait_ready(None, hurry=True)
        site.audit()
    assert not seen.wrong + calm.wrong, (seen.wrong + calm.wrong)[:5]
    as_due(seen, minutes=MINUTES)
    as_due(calm, minutes=CALM_MINUTES)
    assert seen.kills >= MINUTES - 2
    flat, calmly = all_flat(seen, list(seen.readings)), all_flat(calm, ["worker"])
    first, *_, last = seen.readings["postgres"]
    figure(
        f"{dict(seen.done)}, answers {dict(seen.statuses)}, {seen.kills} workers killed; own memory after warm-up: "
        f"{flat}; {CALM_MINUTES} minutes without a kill: {calmly}; PostgreSQL's shared memory {first.shared:.0f} to "
        f"{last.shared:.0f} of {memory.SHARED_BUFFERS} MiB, its processes {first.processes} to {last.processes}"
    )


# Read by every Python of the site when it starts: each answer leaves a mebibyte behind.
LEAKING = """
import django.core.handlers.wsgi as wsgi
kept, real = [], wsgi.WSGIHandler.__call__
def leaking(self, *request):
    kept.append(b"x" * 2**20)
    return real(self, *request)
wsgi.WSGIHandler.__call__ = leaking
"""


def test_a_web_server_that_leaks_is_seen(pictures, dice, figure):
    """The control: the same use and the same rule for four minutes, with a mebibyte lost by each answer."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "sitecustomize.py").write_text(LEAKING)
        extra = {**ENDLESS, "IMAGESEARCH_USER_SEARCHES": "1000000", "PYTHONPATH": f"{folder}:{ROOT}"}
        site = Site(Path(folder) / "site", free_port(), extra=extra)
        site.start()
        seen = Soak(site, pictures, dice).run(minutes=4, kill=False)
        site.stop()
    assert not seen.wrong, seen.wrong[:5]
    with pytest.raises(AssertionError):
        all_flat(seen, ["web"])
    figure(f"with 1 MiB left behind by each answer the web server grew by {seen.growth()['web']:.0%} in four minutes")
