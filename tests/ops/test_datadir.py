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
