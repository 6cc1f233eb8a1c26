"""Files that are there whole and on the disk, or not at all, whatever stops the program that writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

USUAL_MODE = 0o666  # less the umask, as everywhere
DRAFT = ".partial"


@contextmanager
def replacing(path: Path, *, mode: int = USUAL_MODE) -> Iterator[IO[bytes]]:
    """Yield a file to write into, which takes the name ``path`` when the block ends well.

    Until then ``path`` is what it was; when the block raises, nothing is left of the attempt. What a killed program
    left is overwritten. ``mode`` holds from the first byte on. Raises OSError, for a full disk too.
    """
    draft = path.with_name(path.name + DRAFT)
    draft.unlink(missing_ok=True)  # it may have another mode, or be a link
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
        settle(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: Path, data: bytes | str, *, mode: int = USUAL_MODE) -> None:
    """Put bytes, or a text in UTF-8, in the file's place. Raises OSError."""
    with replacing(path, mode=mode) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def settle(draft: Path, path: Path) -> None:
    """Give a finished file of the same folder its name, durably. Raises OSError."""
    _to_disk(draft)
    draft.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
