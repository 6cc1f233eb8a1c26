"""Without the sandbox, the checks of archives, or the re-encoding: what each of them keeps from happening."""

from __future__ import annotations

import random
import signal
import struct
import subprocess
import sys
from dataclasses import replace

import pytest

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import archive as room
from retrieval.ingest import children as nursery
from retrieval.ingest import decode as decoder
from retrieval.ingest.archive import ArchiveLimits
from retrieval.ingest.decode import decode
from retrieval.ingest.fork_server import ROOT
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import ChildLimits
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest import hooks
from tests.ingest.test_archive import LIMITS, opened, special, zipped
from tests.ingest.test_decode import SECRET, with_secrets
from tests.ingest.test_sandbox import HOOKED, refused_in_time

IN_PROCESS = "from tests.ingest import hooks; hooks.decode({act!r}.encode(), None); print('lives')"
WIDE = ArchiveLimits(members=10**9, real_bytes=10**12, member_bytes=10**9)


@pytest.mark.parametrize(("act", "number"), [("segv", signal.SIGSEGV), ("kill", signal.SIGKILL)])
def test_without_the_sandbox_a_decoder_that_crashes_takes_its_process_along(act, number):
    words = [sys.executable, "-c", IN_PROCESS.format(act=act)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (-number, "")
    pool = Sandbox(PoolSettings(processes=1, child=ChildLimits(program=hooks.PROGRAM)))
    with pytest.raises(UnsupportedPicture):
        pool.decode(act.encode(), DecodeRequest(working_side=64))
    pool.close()


@pytest.fixture
def unlimited(monkeypatch):
    """A pool whose one child has a day and all memory; what still runs is ended after the test."""
    children = []

    class Noted(nursery.Child):
        def __init__(self, limits):
            super().__init__(limits)
            children.append(self)

    monkeypatch.setattr(nursery, "Child", Noted)
    pool = Sandbox(PoolSettings(processes=1, child=replace(HOOKED, wall=86_400, memory=64 * 2**30)))
    yield pool
    for child in children:
        child._server.end(child.pid)
    pool.close()


def test_without_a_limit_on_time_a_decoder_that_sleeps_keeps_its_caller(unlimited):
    with pytest.raises(AssertionError, match="its caller still waits"):
        refused_in_time(unlimited, "sleep", "decoder_timeout")


def test_without_a_limit_on_memory_a_decoder_gets_what_it_claims(unlimited):
    with pytest.raises(AssertionError, match="it is no refusal"):
        refused_in_time(unlimited, "claim", "decoder_memory")


def got(tmp_path, data, limits=LIMITS):
    return [member.data for member in opened(tmp_path, data, limits)]


def test_without_the_check_of_members_links_and_paths_pass(tmp_path, monkeypatch):
    links = zipped(("../../a.jpg", b"outside"), (special("a.jpg", 0o120777), b"/etc/passwd"))
    assert got(tmp_path, links) == [b"", b""]
    monkeypatch.setattr(room, "_check_member", lambda info, name: None)
    assert got(tmp_path, links) == [b"outside", b"/etc/passwd"]


def test_without_the_check_of_overlaps_one_run_of_bytes_comes_out_many_times(tmp_path, monkeypatch):
    run = random.Random(1).randbytes(9_000)
    data = bytearray(zipped(("a.jpg", run), *[(f"{letter}.jpg", b"") for letter in "bcdefghijklmnopqrst"]))
    first = data.index(b"PK\x01\x02")
    sizes, at = bytes(data[first + 16 : first + 28]), first
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:  # each entry of the directory now points to the first run
        data[at + 10 : at + 12], data[at + 16 : at + 28] = data[first + 10 : first + 12], sizes
        struct.pack_into("<L", data, at + 42, 0)
        data[at + 46 : at + 51] = b"a.jpg"
    with pytest.raises(UnsupportedPicture, match="overlap"):
        opened(tmp_path, bytes(data))
    monkeypatch.setattr(room, "_overlaps", lambda infos: False)
    assert sum(map(len, got(tmp_path, bytes(data)))) > 10 * len(data)


def test_without_limits_a_small_archive_unpacks_to_a_thousand_times_its_size(tmp_path):
    data = zipped(*[(f"{n}.jpg", b"\0" * 1_000_000) for n in range(20)])
    unpacked = sum(map(len, got(tmp_path, data, WIDE)))
    assert unpacked > 500 * len(data)
    with pytest.raises(room.TooLarge):
        opened(tmp_path, data)


def test_without_taking_the_metadata_off_it_stands_in_the_derivatives(monkeypatch):
    def kept(raster, shrink):
        whole = shrink(raster.image.convert("RGB"))
        whole.info = raster.image.info
        return whole

    monkeypatch.setattr(decoder, "to_rgb", kept)
    decoded = decode(with_secrets("JPEG"), DecodeRequest(working_side=64, thumbnail_sizes=(320, 1280)))
    assert any(SECRET in small for small in decoded.thumbnails.values())
