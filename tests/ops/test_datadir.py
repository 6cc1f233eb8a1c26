"""The data folder and its folder for sockets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from imagesearch import datadir
from imagesearch.env import BadVariable


@pytest.fixture
def deep(tmp_path):
    """A data folder too deep for a socket in it."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    return folder


def test_sockets_lie_in_the_data_folder_when_they_fit():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        found = datadir.runtime(Path(folder))
        assert found == Path(folder) / "run"
        assert found.stat().st_mode & 0o777 == 0o700


def test_sockets_of_a_deep_folder_lie_in_a_private_folder_elsewhere(deep):
    found = datadir.runtime(deep)
    try:
        assert len(os.fsencode(found)) + len(datadir.LONGEST_SOCKET) <= datadir.SOCKET_PATH_LIMIT
        assert found.stat().st_mode & 0o777 == 0o700
        assert datadir.runtime(deep) == found
    finally:
        found.rmdir()


def test_where_the_temporary_folder_is_deep_too_they_lie_in_tmp(deep, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    found = datadir.runtime(deep)
    try:
        assert found.parent == Path("/tmp")
    finally:
        found.rmdir()


def test_a_folder_that_others_may_enter_is_refused(deep):
    found = datadir.runtime(deep)
    found.chmod(0o755)
    try:
        with pytest.raises(BadVariable, match="private"):
            datadir.runtime(deep)
    finally:
        found.rmdir()


def test_a_link_planted_by_another_is_refused(deep, tmp_path):
    found = datadir.runtime(deep)
    found.rmdir()
    found.symlink_to(tmp_path)
    try:
        with pytest.raises(BadVariable, match="private"):
            datadir.runtime(deep)
    finally:
        found.unlink()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_a_folder_that_was_there_is_closed_to_others(tmp_path, mode):
    tmp_path.chmod(mode)
    assert datadir.prepare(tmp_path) == tmp_path
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_for_everybody_is_refused_and_left_open(tmp_path):
    tmp_path.chmod(0o1777)
    for folder in (tmp_path, Path("/")):
        with pytest.raises(BadVariable, match=r"IMAGESEARCH_DATA_DIR names .* for everybody"):
            datadir.prepare(folder)
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777


def test_a_folder_that_cannot_be_closed_is_refused(tmp_path, monkeypatch):
    def chmod(self, mode):
        raise PermissionError

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", chmod)
    with pytest.raises(BadVariable, match=r"IMAGESEARCH_DATA_DIR names .* cannot close"):
        datadir.prepare(tmp_path)
