"""What the tests of starting and stopping share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.folders import quickest


@pytest.fixture
def short_folder():
    """A folder with a name short enough for sockets in it, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="iso-", dir=quickest(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)
