"""The web server is killed at each point of an upload: it never happened, or all becomes ready; nothing is left."""

from __future__ import annotations

import os
import time

import pytest
import requests

from tests.chaos import hooks
from tests.chaos.ending import MARK
from tests.chaos.work import seconds_until

pytestmark = [pytest.mark.chaos, pytest.mark.long]

EXTRA = hooks.EXTRA
TIMES = 6
AGED = 4_000  # seconds: longer than the audit lets a file be without a row
POINTS = ("file", "row", "place", "commit")


def answers(site):
    """Does the web server answer?"""
    try:
        return requests.get(site.url("status/"), timeout=5).status_code == 401
    except requests.RequestException:
        return False


def put_in_and_die(site, data):
    """Put a picture in whose upload ends the web server, and wait for the next one."""
    with pytest.raises(requests.ConnectionError):
        site.upload(data)
    seconds_until(lambda: answers(site), most=600)


def aged(folder):
    """Make every file of a folder older than the audit allows for one without a row; return how many there are."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    for path in found:
        os.utime(path, (time.time() - AGED, time.time() - AGED))
    return len(found)


def test_the_web_server_is_killed_at_each_point_of_an_upload(site, pictures, figure):
    site.upload_all([pictures.next()])
    kept, incoming = site.kept(), site.folder / "media" / "incoming"
    for point in POINTS:
        for _ in range(TIMES):
            put_in_and_die(site, pictures.next() + MARK + point.encode())
            kept += point == "commit"
            assert (point, site.kept()) == (point, kept)
    with site.frozen("scheduler"):  # whose purge comes every half minute
        aged(site.folder / "media")
        left = len(list(incoming.iterdir()))
        early = site.manage("audit", "--strict")
    assert early.returncode == 1
    assert "stray_original" in early.stdout
    waited = seconds_until(lambda: not list(incoming.iterdir()), most=600)
    figure(
        f"{len(POINTS) * TIMES} kills at {len(POINTS)} points: {TIMES} ready, the rest never happened; {left} files "
        f"left aside, which the audit names when they are old, gone by themselves after {waited:.0f} s"
    )
