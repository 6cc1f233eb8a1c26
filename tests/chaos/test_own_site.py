"""Promises that need a site of their own: a full disk, weights that go bad, a broker that waits for a second only."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from retrieval import embedding
from tests.chaos import hooks
from tests.chaos.hooks import Fault
from tests.chaos.site import ROOT, Site, free_port
from tests.chaos.work import seconds_until

pytestmark = [pytest.mark.chaos, pytest.mark.long]

DISK_MB = 64
SMALL_DISK = f'mkdir -p "$0" && mount -t tmpfs -o size={DISK_MB}m tmpfs "$0" && exec "$@"'
WEIGHTS = "chaos.safetensors"


def may_mount():
    """May this user mount a file system in a namespace of its own?"""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.fixture
def folder():
    """A folder for one site."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.mark.skipif(not may_mount(), reason="only root may mount a small disk")
def test_the_disk_is_full(folder, pictures, figure):
    prefix = ["unshare", "--mount", "sh", "-c", SMALL_DISK, str(folder / "media")]
    site = Site(folder, free_port(), prefix=prefix)
    site.start()
    accepted, answer = 0, site.upload(pictures.next())
    while answer.status_code == 201:
        accepted += 1
        answer = site.upload(pictures.next() + os.urandom(4 << 20))  # a JPEG may have anything after its end
        assert accepted < DISK_MB
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert int(answer.headers["Retry-After"]) > 0
    site.wait_ready(accepted, hurry=True)
    first = site.session.get(site.url("images/"), params={"ordering": "created_at"}).json()["results"][0]
    assert site.search(first["id"]).status_code == 200
    site.audit()
    largest = site.session.get(site.url("images/")).json()["results"][0]
    assert site.session.delete(site.url(f"images/{largest['id']}/")).status_code == 204
    site.upload_stubbornly(pictures.next() + os.urandom(3 << 20), refusal=507)
    site.wait_ready(site.kept(), hurry=True)
    site.audit()
    site.stop()
    figure(f"507 after {accepted} pictures on {DISK_MB} MB, searches went on, uploads again when one was deleted")


@pytest.fixture
def weighty(folder):
    """A site whose encoder has a weights file."""
    encoder = embedding.Encoder(embedding.EncoderSpec("mobilenet_v3_large"))
    (folder / "weights").mkdir()
    embedding.checkpoint.save(encoder, folder / "weights" / WEIGHTS)
    site = Site(folder, free_port(), extra={"IMAGESEARCH_ENCODER": WEIGHTS.removesuffix(".safetensors")})
    site.start()
    yield site
    site.stop()


def flip_a_bit(file):
    """Change one bit in the middle."""
    with file.open("r+b") as bytes_of:
        bytes_of.seek(file.stat().st_size // 2)
        (value,) = bytes_of.read(1)
        bytes_of.seek(-1, os.SEEK_CUR)
        bytes_of.write(bytes([value ^ 1]))


def cut(file):
    """Leave the first half."""
    os.truncate(file, file.stat().st_size // 2)


def archive(pictures):
    """A zip of pictures."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as members:
        for number, data in enumerate(pictures):
            members.writestr(f"{number}.jpg", data)
    return out.getvalue()


def take_apart(site, data):
    """Put an archive in and wait until it is taken apart; return how it ended."""
    fields, files = {"collection": site.collection}, {"file": ("some.zip", data, "application/zip")}
    address = f"imports/{site.session.post(site.url('archives/'), data=fields, files=files, timeout=60).json()['id']}/"
    seconds_until(lambda: site.session.get(site.url(address)).json()["state"] in {"done", "failed"}, most=600)
    return site.session.get(site.url(address)).json()


def broken(site):
    """What /readyz names."""
    answer = site.session.get(f"http://127.0.0.1:{site.port}/readyz", timeout=60)
    assert (answer.status_code == 200) == (answer.json()["broken"] == {})
    return answer.json()["broken"]


def ledger(site):
    """Every job as it is, and everything that was done to any."""
    names = ("embeddingjob", "jobevent")
    return [site.query(f"SELECT * FROM retrieval_{name} AS row ORDER BY row::text") for name in names]


def refusals(folder):
    """The lines of the supervisor on a worker that refused to start."""
    lines = (folder / "supervisor.log").read_text().splitlines()
    return [line for line in lines if line.startswith("Worker ended with status 1;") and WEIGHTS in line]


@pytest.mark.parametrize("damage", [flip_a_bit, cut, Path.unlink])
def test_the_weights_go_bad(weighty, folder, pictures, figure, damage):
    site, file = weighty, folder / "weights" / WEIGHTS
    site.upload_all([pictures.next() for _ in range(3)])
    site.wait_ready(3, hurry=True)
    assert broken(site) == {}
    good = shutil.copy2(file, folder / "good")
    damage(file)
    site.kill_group("worker")
    site.upload_all([pictures.next() for _ in range(5)])
    assert take_apart(site, archive([pictures.next() for _ in range(2)]))["state"] == "done"
    before = ledger(site)
    left = "SELECT state, attempts FROM retrieval_embeddingjob WHERE state <> 'done'"
    assert site.query(left) == [("pending", 0)] * 7

    by_hand = site.manage("program", "worker")
    assert by_hand.returncode == 1
    assert by_hand.stdout == ""
    (said,) = by_hand.stderr.splitlines()
    assert said.startswith(f"The worker does not start: The weights file {'' if damage is Path.unlink else folder}")
    assert WEIGHTS in said

    seconds_until(lambda: len(refusals(folder)) >= 3, most=600)
    assert list(broken(site)) == ["encoder"]
    assert WEIGHTS in broken(site)["encoder"]
    first = site.session.get(site.url("images/"), params={"ordering": "created_at"}).json()["results"][0]
    assert site.search(first["id"]).status_code == 200
    assert ledger(site) == before

    began = time.monotonic()
    shutil.copy2(good, file)
    site.wait_ready(10, hurry=True)
    seconds = time.monotonic() - began
    assert broken(site) == {}
    site.audit()
    figure(f"{damage.__name__}: status 1 and one line, {len(refusals(folder))} starts refused, no picture blamed, "
           f"all ready {seconds:.0f} s after the file was back")  # fmt: skip


IMPATIENT = {"DJANGO_SETTINGS_MODULE": "tests.chaos.impatient", "PYTHONPATH": str(ROOT)}
AT_ONCE = 20
TRIES = "SELECT attempt, kind, count(*) FROM retrieval_jobevent GROUP BY 1, 2 ORDER BY 1, 2"
BY_TWO = """
SELECT count(*) FROM (SELECT image_id FROM retrieval_jobevent WHERE kind = 'claimed'
                      GROUP BY image_id HAVING count(DISTINCT worker) > 1) AS shared
"""


@pytest.fixture
def two_workers(folder):
    """A site whose broker waits for a second only, and a second worker on its queue; yields it with both logs."""
    site = Site(folder, free_port(), extra=IMPATIENT)
    site.start()
    logs = [folder / "log" / f"{name}.log" for name in ("worker", "another")]
    words = [sys.executable, str(ROOT / "manage.py"), "program", "worker"]
    with logs[1].open("w") as out:
        another = subprocess.Popen(words, env=site.environment(), stdout=out, stderr=out)
    seconds_until(lambda: both_work(site, logs), most=600)
    yield site, logs
    another.terminate()
    another.wait(60)
    site.stop()


def both_work(site, logs):
    """Give them something to do, and tell whether each has done a thing by now."""
    site.reconcile()
    time.sleep(1)
    return all("succeeded" in log.read_text() for log in logs)


@contextlib.contextmanager
def held_up(site, pictures):
    """Have a worker in the middle of its work with twenty pictures, for whom there is one message; yield its id."""
    with hooks.switched_on(site.folder, Fault.UNSENT), hooks.switched_on(site.folder, Fault.HELD):
        site.upload_all([pictures.next() for _ in range(AT_ONCE)])
        yield site.send("embed")


def test_a_message_is_delivered_again_while_its_task_works(two_workers, pictures, figure):
    site, logs = two_workers
    began = time.monotonic()
    with held_up(site, pictures) as message:
        received, ended = (f"retrieval.tasks.embed[{message}] {what}" for what in ("received", "succeeded"))
        seconds_until(lambda: any(ended in log.read_text() for log in logs), most=600)
        assert all(received in log.read_text() for log in logs)
        assert site.jobs() == {"running": AT_ONCE}
        held = time.monotonic() - began
    site.wait_ready(AT_ONCE)
    assert site.query(TRIES) == [(1, "claimed", AT_ONCE), (1, "done", AT_ONCE)]
    assert site.query(BY_TWO) == [(0,)]
    site.audit()
    figure(f"visibility timeout 1 s, work of {held:.0f} s: the message came to two workers, each of {AT_ONCE} pictures "
           "was embedded once, at its first attempt")  # fmt: skip


def test_without_the_lease_the_next_to_get_the_message_does_the_work_again(two_workers, pictures):
    site, _ = two_workers
    with hooks.switched_on(site.folder, Fault.TAKEN_AGAIN), held_up(site, pictures):
        seconds_until(lambda: site.query(BY_TWO)[0][0] > 0, most=600)
    site.wait_ready(AT_ONCE)
    site.audit()
