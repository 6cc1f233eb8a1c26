"""Promises that need a site of their own: a disk that fills up, and weights that go bad."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from retrieval import embedding
from tests.chaos.site import Site, free_port
from tests.chaos.test_long import seconds_until

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


@pytest.mark.parametrize("damage", [flip_a_bit, cut, Path.unlink])
def test_the_weights_go_bad(weighty, folder, pictures, figure, damage):
    site, file = weighty, folder / "weights" / WEIGHTS
    site.upload_all([pictures.next() for _ in range(3)])
    site.wait_ready(3, hurry=True)
    good = shutil.copy2(file, folder / "good")
    damage(file)
    site.kill_group("worker")
    site.child()
    site.upload_all([pictures.next() for _ in range(5)])
    assert WEIGHTS in site.wait_for_log("worker", "weights")
    left = "SELECT state, attempts FROM retrieval_embeddingjob WHERE state <> 'done'"
    # A worker that just claimed one is about to give it back.
    seconds_until(lambda: site.query(left) == [("pending", 0)] * 5, most=30)
    shutil.copy2(good, file)
    site.wait_ready(8, hurry=True)
    site.audit()
    figure(f"{damage.__name__}: one line that names the file, no picture blamed, 8 ready when it is back")
