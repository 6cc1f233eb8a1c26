"""Pictures on which the decoder of a running site crashes, hangs or grows, among two hundred good ones."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from retrieval.ingest.decode import decode as real_decode
from tests.chaos.site import ROOT, Site, free_port
from tests.ingest import hooks

pytestmark = [pytest.mark.chaos, pytest.mark.long]

GOOD = 200
# Uploads are decoded as usual; the worker's decoders then do what a file's last bytes say.
HOOKED = "; ".join([
    "from retrieval.ingest.child import main", "from tests.chaos.test_decoders import decode", "main(decode)",
])  # fmt: skip
# Read by every Python of the site when it starts. Less time for each picture, so that the test ends this day.
CUSTOMIZE = f"""
import retrieval.conf, retrieval.ingest.process as process
process.ChildLimits.__init__.__defaults__ = (2, 5, 700 * 2**20, {HOOKED!r}, False)
real = retrieval.conf.Limits.__init__
def less(self, *values, **named):
    real(self, *values, **{{"decode_cpu": 2, "decode_wall": 5, "decode_memory": 700 * 2**20, **named}})
retrieval.conf.Limits.__init__ = less
"""
MARK = b"misbehave: "
REASONS = {
    "segv": "decoder_crashed",
    "kill": "decoder_crashed",
    "spin": "decoder_timeout",
    "sleep": "decoder_timeout",
    "allocate": "decoder_memory",
}


def decode(data, request):
    """Decode as usual, or do what the file says once it was taken in; runs in the site's decoding children."""
    act = data.rpartition(MARK)[2] if MARK in data else b""
    return hooks.ACTS[act.decode()](request) if act and not request.thumbnail_sizes else real_decode(data, request)


@pytest.fixture
def site():
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(CUSTOMIZE)
        found = Site(folder / "site", free_port(), extra={"PYTHONPATH": f"{folder}:{ROOT}"})
        found.start()
        yield found
        found.stop()


def put_in(site, pictures):
    """Put the bad ones in among the good ones; return how each bad one misbehaves by its id."""
    bad = {}
    acts = iter(REASONS)
    with site.frozen("worker"):
        for number in range(GOOD):
            assert site.upload(pictures.next()).status_code == 201
            if number % (GOOD // len(REASONS)) == GOOD // 10:
                act = next(acts)
                answer = site.upload(pictures.next() + MARK + act.encode())
                assert answer.status_code == 201, answer.text
                bad[answer.json()["id"]] = act
    return bad


def ended(site):
    """Has every job its end?"""
    return site.jobs() == {"done": GOOD, "failed": len(REASONS)}


def test_pictures_that_misbehave_are_failed_and_the_others_go_on(site, pictures, figure):
    from tests.chaos.test_long import seconds_until

    bad = put_in(site, pictures)
    assert len(bad) == len(REASONS)
    worker, child = site.await_program("worker"), site.child()
    took = seconds_until(lambda: ended(site), most=400)
    for image_id, act in bad.items():
        shown = site.session.get(site.url(f"images/{image_id}/")).json()
        assert (act, shown["status"], shown["error"]["code"]) == (act, "failed", REASONS[act])
        assert shown["error"]["message"]
    tries = site.query("SELECT max(attempts) FROM retrieval_embeddingjob WHERE state = 'failed'")[0][0]
    assert tries <= 3
    assert (site.await_program("worker").pid, site.child().pid) == (worker.pid, child.pid)
    site.audit()
    figure(f"{GOOD} ready and {len(bad)} failed with their reasons after {took:.0f} s and at most {tries} attempts; "
           "the worker and its child are the same processes")  # fmt: skip
