"""Bodies that come in: small ones in memory, large ones in files without a name, within what all may take together."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import time
from typing import IO

from imagesearch.front.bounds import Bounds

OLD_SECONDS = 3600


class SpoolFull(Exception):
    """There is no room for more now."""


class Spool:
    """The folder, and how many bytes each person has in it. It is asked by the event loop alone."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.folder = folder
        self.bounds = bounds
        self.taken: Counter[str] = Counter()

    def file(self) -> IO[bytes]:
        """Open a file that is gone as soon as it is closed, or its process ends."""
        return tempfile.TemporaryFile(dir=self.folder)

    def take(self, count: int, *, who: str) -> None:
        """Book bytes. Raises SpoolFull."""
        if self.taken.total() + count > self.bounds.spool or self.taken[who] + count > self.bounds.spool_each:
            raise SpoolFull
        self.taken[who] += count

    def give_back(self, count: int, *, who: str) -> None:
        """Book them back."""
        self.taken[who] -= count
        if self.taken[who] <= 0:
            del self.taken[who]

    def tidy(self) -> None:
        """Remove what an earlier process left: files that Django gave names to."""
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time() - OLD_SECONDS:
                    path.unlink()


class Body:
    """One body, as far as it has come in. ``add`` is called in a thread where it writes to the disk."""

    def __init__(self, spool: Spool, *, who: str) -> None:
        self.spool, self.who = spool, who
        self.store: IO[bytes] = io.BytesIO()
        self.size = 0
        self.booked = 0

    def book(self, count: int) -> bool:
        """Count bytes to come; True where they go to the disk. Raises SpoolFull."""
        self.size += count
        if self.size <= self.spool.bounds.in_memory:
            return False
        self.spool.take(self.size - self.booked, who=self.who)
        self.booked = self.size
        return True

    def add(self, data: bytes) -> None:
        """Keep bytes that were booked. Raises OSError where the disk is full."""
        if self.booked and isinstance(self.store, io.BytesIO):
            file = self.spool.file()
            file.write(self.store.getbuffer())
            self.store = file
        self.store.write(data)

    def close(self) -> None:
        """Let go of everything."""
        self.store.close()
        self.spool.give_back(self.booked, who=self.who)
        self.booked = 0
