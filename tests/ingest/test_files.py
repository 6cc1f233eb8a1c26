"""Staged files are put in place also where the place is on another disk, which renaming does not reach."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from retrieval import whole_files
from retrieval.errors import StorageFull
from retrieval.ingest import files

CONTENT = bytes(range(256)) * 9


@pytest.fixture
def another_disk(tmp_path, monkeypatch):
    """A folder that is told to be on another disk than the one of what comes in; whole_files renames within it."""
    folder, rename = tmp_path / "other", Path.replace

    def refuses(self, target):
        if (self.parent == folder) != (Path(target).parent == folder):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuses)
    return folder


def put(target):
    with files.staged({target: CONTENT}) as staged:
        (aside,) = staged.values()
        files.place(staged)
    assert not aside.exists()


def test_a_file_comes_whole_onto_another_disk(another_disk):
    put(another_disk / "own.safetensors")
    assert [path.name for path in another_disk.iterdir()] == ["own.safetensors"]
    assert (another_disk / "own.safetensors").read_bytes() == CONTENT


def test_another_disk_that_is_full_keeps_what_was_there(another_disk, monkeypatch):
    def full(source, copy):
        copy.write(source.read(100))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put(another_disk / "own.safetensors")
    monkeypatch.setattr(files.shutil, "copyfileobj", full)
    with pytest.raises(StorageFull):
        put(another_disk / "own.safetensors")
    assert [path.read_bytes() for path in another_disk.iterdir()] == [CONTENT]


def test_no_other_error_is_taken_for_another_disk(tmp_path, monkeypatch):
    def refused(self, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(whole_files, "replacing", None)
    with pytest.raises(PermissionError):
        put(tmp_path / "own.safetensors")
