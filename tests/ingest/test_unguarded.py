"""Without the sandbox, the checks of archives, or the re-encoding: what each of them keeps from happening."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import archive as room
from retrieval.ingest import decode as decoder
from retrieval.ingest.archive import ArchiveLimits
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import ROOT, ChildLimits
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest import hooks
from tests.ingest.test_archive import LIMITS, opened, overlapping, special, zipped
from tests.ingest.test_decode import SECRET, with_secrets

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


def test_without_a_limit_on_time_a_decoder_that_sleeps_keeps_its_caller():
    words = [sys.executable, "-c", IN_PROCESS.format(act="sleep")]
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(words, cwd=ROOT, timeout=2, check=False)


def got(tmp_path, data, limits=LIMITS):
    return [member.data for member in opened(tmp_path, data, limits)]


def test_without_the_check_of_members_links_and_paths_pass(tmp_path, monkeypatch):
    links = zipped(("../../a.jpg", b"outside"), (special("a.jpg", 0o120777), b"/etc/passwd"))
    assert got(tmp_path, links) == [b"", b""]
    monkeypatch.setattr(room, "_check_member", lambda info: None)
    assert got(tmp_path, links) == [b"outside", b"/etc/passwd"]


def test_without_the_check_of_overlaps_one_run_of_bytes_comes_out_twice(tmp_path, monkeypatch):
    data = overlapping()
    monkeypatch.setattr(room, "_overlaps", lambda infos: False)
    members = opened(tmp_path, data)
    assert len(members) == 2
    assert members[0].data


def test_without_limits_a_small_archive_unpacks_to_a_thousand_times_its_size(tmp_path):
    data = zipped(*[(f"{n}.jpg", b"\0" * 1_000_000) for n in range(20)])
    unpacked = sum(map(len, got(tmp_path, data, WIDE)))
    assert unpacked > 500 * len(data)
    with pytest.raises(room.TooLarge):
        opened(tmp_path, data)


def test_without_taking_the_metadata_off_it_stands_in_the_derivatives(monkeypatch):
    def kept(image, size=None):
        whole = image.convert("RGB")
        whole.info = image.info
        return whole

    monkeypatch.setattr(decoder, "to_rgb", kept)
    decoded = decode(with_secrets("JPEG"), DecodeRequest(working_side=64, thumbnail_sizes=(320, 1280)))
    assert any(SECRET in small for small in decoded.thumbnails.values())
