"""Files of the media folder: staged aside, made durable, put in place by renaming, and taken away."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from retrieval import conf, whole_files
from retrieval.errors import NO_ROOM, StorageFull, TooLarge

PLACED = ".placed"
# From this many files on, one flush of the whole file system is cheaper than one of each file.
MANY = 8
CHUNK = 1024 * 1024


def original(sha256: str) -> Path:
    """Where the uploaded bytes with this digest lie."""
    return conf.get().originals / sha256[:2] / sha256


def thumbnail(image_id: uuid.UUID, sha256: str, *, size: int) -> Path:
    """Where a thumbnail lies; ``size`` is the length of its long side."""
    return conf.get().thumbnails / sha256[:2] / f"{image_id}-{size}.jpg"


def is_original(path: Path) -> bool:
    """Is this the name of an original?"""
    return re.fullmatch("[0-9a-f]{64}", path.name) is not None


def image_id(thumbnail: Path) -> uuid.UUID | None:
    """Whose thumbnail this is; None when the name is not that of a thumbnail."""
    with suppress(ValueError):
        return uuid.UUID(thumbnail.stem.rsplit("-", 1)[0])
    return None


@contextmanager
def staged(contents: Mapping[Path, bytes]) -> Iterator[dict[Path, Path]]:
    """Write each content to a file aside, durably; yields target -> staged file.

    On leaving, what was not put in place is removed. Raises StorageFull, with nothing kept, when the disk has no room.
    When the process dies before that, the names of what is left tell which files it put in place (``left_behind``).
    """
    incoming, batch = conf.get().incoming, uuid.uuid4().hex
    files = {target: incoming / f"{batch}.{target.parent.name}.{target.name}" for target in contents}
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
            _note(path).unlink(missing_ok=True)


def left_behind(*, seconds: float) -> Iterator[Path]:
    """What has lain aside for so long, because nobody is there any more to take it away."""
    oldest, incoming = time.time() - seconds, conf.get().incoming
    for path in incoming.iterdir() if incoming.is_dir() else ():
        with suppress(FileNotFoundError):  # taken away by its owner meanwhile
            if path.stat().st_mtime < oldest:
                yield path


def batch_of(path: Path) -> str:
    """What the names of files have in common that were staged together."""
    return path.name.partition(".")[0]


def placed(path: Path) -> Path | None:
    """The original or thumbnail that a file left behind says was put in place; None when it says nothing of that."""
    if not path.name.endswith(PLACED):
        return None
    _, folder, name = path.name.removesuffix(PLACED).split(".", 2)
    if is_original(Path(name)):
        return conf.get().originals / folder / name
    return conf.get().thumbnails / folder / name if image_id(Path(name)) else None


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
            _note(path).touch()  # stays until its row is committed
            _move(path, target)
        _flush(folders)


def _move(path: Path, target: Path) -> None:
    """Rename; onto another disk, where the folder of weights may lie, by way of a copy beside the target."""
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with path.open("rb") as file, whole_files.replacing(target) as copy:
            shutil.copyfileobj(file, copy)


def remove(paths: Iterable[Path]) -> None:
    """Remove files; one that is gone already is no error."""
    for path in paths:
        path.unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_name(path.name + PLACED)


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
