"""Files are whole and on the disk, or as they were: broken off, on a full disk, killed, and in which order."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval import whole_files

KILLED = """
import os, signal, sys
from pathlib import Path
from retrieval import whole_files
with whole_files.replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def break_off(path):
    with whole_files.replacing(path) as file:
        file.write(b"half")
        raise RuntimeError


@pytest.fixture
def path(tmp_path):
    """A file that is there already."""
    path = tmp_path / "record.json"
    path.write_text("old")
    return path


def test_bytes_and_text_take_the_place_of_what_was_there(path):
    whole_files.write(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    whole_files.write(path, "图片")
    assert path.read_bytes() == "图片".encode()
    assert [each.name for each in path.parent.iterdir()] == ["record.json"]


def test_what_raises_leaves_the_old_file_and_nothing_beside_it(path):
    with pytest.raises(RuntimeError):
        break_off(path)
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["record.json"]


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    monkeypatch.setattr(whole_files.os, "fdopen", lambda *_: Path("/dev/full").open("wb"))  # noqa: SIM115
    with pytest.raises(OSError, match="No space left"):
        whole_files.write(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["record.json"]


def test_a_kill_leaves_the_old_file_and_the_next_write_takes_the_rest_away(path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    whole_files.write(path, "new")
    assert path.read_text() == "new"
    assert [each.name for each in path.parent.iterdir()] == ["record.json"]


def test_the_file_is_on_the_disk_before_it_has_its_name_and_the_name_after(path, monkeypatch):
    seen = []
    flush = os.fsync

    def noted(descriptor):
        seen.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, path.read_text()))
        flush(descriptor)

    monkeypatch.setattr(whole_files.os, "fsync", noted)
    whole_files.write(path, "new")
    assert seen == [("record.json.partial", "old"), (path.parent.name, "new")]


def test_a_private_file_is_private_from_its_first_byte_and_follows_no_link(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "record.json.partial").symlink_to(elsewhere)
    with whole_files.replacing(path, mode=0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not elsewhere.exists()
