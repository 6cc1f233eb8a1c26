"""Files of the media folder: staged aside, made durable, put in place by renaming, and taken away."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from retrieval import conf
from retrieval.errors import StorageFull, TooLarge

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# From this many files on, one flush of the whole file system is cheaper than one of each file.
MANY = 8
CHUNK = 1024 * 1024


def original(sha256: str) -> Path:
    """Where the uploaded bytes with this digest lie."""
    return conf.get().originals / sha256[:2] / sha256


def thumbnail(image_id: uuid.UUID, sha256: str, *, size: int) -> Path:
    """Where a thumbnail lies; ``size`` is the length of its long side."""
    return conf.get().thumbnails / sha256[:2] / f"{image_id}-{size}.jpg"


@contextmanager
def staged(contents: Mapping[Path, bytes]) -> Iterator[dict[Path, Path]]:
    """Write each content to a file aside, durably; yields target -> staged file.

    On leaving, what was not put in place is removed. Raises StorageFull, with nothing kept, when the disk has no room.
    """
    incoming = conf.get().incoming
    files = {target: incoming / uuid.uuid4().hex for target in contents}
    try:
        with _room():
            incoming.mkdir(parents=True, exist_ok=True)
            for target, path in files.items():
                path.write_bytes(contents[target])
            _flush(files.values())
        yield files
    finally:
        for path in files.values():
            path.unlink(missing_ok=True)


def receive(file: BinaryIO, path: Path, *, most: int) -> None:
    """Copy an open file to ``path``, durably.

    Raises TooLarge beyond ``most`` bytes, and StorageFull; nothing is kept then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo, _room(), path.open("wb") as out:
        undo.callback(path.unlink)
        while chunk := file.read(CHUNK):
            if out.tell() + len(chunk) > most:
                raise TooLarge(f"The file has more than {most // 2**20} MB.", code="file_too_large")
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
        undo.pop_all()


def place(files: Mapping[Path, Path]) -> None:
    """Rename staged files (target -> staged) into place, durably. Raises StorageFull."""
    folders = {target.parent for target in files}
    with _room():
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for target, path in files.items():
            path.replace(target)
        _flush(folders)


def remove(paths: Iterable[Path]) -> None:
    """Remove files; one that is gone already is no error."""
    for path in paths:
        path.unlink(missing_ok=True)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFull("The disk has no room for this; nothing was kept.") from error
        raise


def _flush(paths: Iterable[Path]) -> None:
    """Bring files or folders, all on one file system, to the disk."""
    paths = list(paths)
    if len(paths) >= MANY and sys.platform.startswith("linux"):
        _with_descriptor(paths[0], _sync_file_system)
        return
    for path in paths:
        _with_descriptor(path, os.fsync)


def _with_descriptor(path: Path, act: Callable[[int], None]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        act(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(descriptor: int) -> None:
    """Flush everything on the file system of this descriptor; see syncfs(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
