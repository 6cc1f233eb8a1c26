"""Folders of the server as sources: which may be read, what lies below one, and what of it has changed."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from retrieval import conf
from retrieval.errors import InvalidInput, RetrievalError, TooLarge
from retrieval.ingest import is_clutter, sandbox
from retrieval.models import Source, SourceFile
from retrieval.models.bounds import PATH_LENGTH
from retrieval.services.images import imports
from retrieval.services.images.image_fields import ImageChanges

ASKED_AT_ONCE = 500
MOST_FILES = 200_000
SETTLED = 10.0  # seconds since a file was changed last: before that it may still be being written
NOT_ALLOWED = "This is none of the folders that the operator has opened for reading."


@dataclass(frozen=True)
class Found:
    """A file below a folder: its path in it, and the stamp of its size and time of change. ``error``: why not read."""

    inside: str
    stamp: int
    changed_at: float = 0.0
    error: RetrievalError | None = None

    @property
    def key(self) -> UUID:
        """What the path is known by."""
        return UUID(bytes=hashlib.sha256(os.fsencode(self.inside)).digest()[:16])

    @property
    def shown(self) -> str:
        """The path as text; bytes that are no text become question marks."""
        return self.inside[:PATH_LENGTH].encode(errors="replace").decode().replace("\0", "?")


def permitted(place: str) -> Path:
    """Return where a folder really lies, links followed.

    Raises InvalidInput naming ``place`` for one that is not below a folder of the operator's list, that has to do with
    the site's own data, or that is not there.
    """
    if "\0" in place or not Path(place).is_absolute():
        raise InvalidInput.of("place", "Give the whole path of a folder, from / on.", code="folder_not_allowed")
    there, own = _real(Path(place)), _real(conf.get().data_dir)
    opened = any(there.is_relative_to(_real(each)) for each in conf.get().source_folders)
    if not opened or there.is_relative_to(own) or own.is_relative_to(there):
        raise InvalidInput.of("place", NOT_ALLOWED, code="folder_not_allowed")
    if not there.is_dir():
        raise InvalidInput.of("place", "There is no such folder now.", code="folder_missing")
    return there


def changed(source: Source, folder: Path, *, sign: Callable[[], object]) -> Iterator[Found]:
    """Yield, in order, what was not read yet or was changed since; then forget files that are gone.

    ``sign`` is called every some hundred files, for a sign of life.

    Raises InvalidInput for a folder that cannot be read or holds too many files.
    """
    there, keys = _below(folder, folder), set[UUID]()
    while some := list(itertools.islice(there, ASKED_AT_ONCE)):
        by_key = {each.key: each for each in some}
        read = dict(SourceFile.objects.filter(source=source, key__in=by_key).values_list("key", "stamp"))
        yield from (each for key, each in by_key.items() if read.get(key) != each.stamp)
        keys |= by_key.keys()
        sign()
        if len(keys) > MOST_FILES:
            raise InvalidInput.of("place", f"More than {MOST_FILES} files lie in it; name folders in it instead.")
    _forget(source, keep=keys)


def is_settled(found: Found, *, now: float) -> bool:
    """Tell whether a file has been left alone for some seconds; a time in the future says nothing."""
    return found.error is not None or abs(now - found.changed_at) >= SETTLED


def read(found: Found, folder: Path) -> imports.Source:
    """Read a file, or say why not. What was opened is asked where it lies: its name may lead elsewhere by now."""
    texts, error = ImageChanges(path=found.shown), found.error
    try:
        data = b"" if error else _bytes(folder / found.inside, within=folder)
        return imports.Source(found.shown, data, error, texts)
    except RetrievalError as refused:
        return imports.Source(found.shown, error=refused)
    except OSError as failure:
        return imports.Source(found.shown, error=_unreadable(str(failure.strerror)))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _below(folder: Path, top: Path) -> Iterator[Found]:
    """Every file below, sorted folder by folder, without clutter. Links are not followed, and said.

    So is a folder in it that cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if folder == top:
            text = f"The folder cannot be read: {error.strerror}."
            raise InvalidInput.of("place", text, code="folder_missing") from error
        yield Found(os.path.relpath(folder, top), 0, error=_unreadable(str(error.strerror)))
        return
    for entry in found:
        inside = os.path.relpath(entry.path, top)
        if is_clutter(Path(inside).parts):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), top)
        elif about := _found(entry, inside):
            yield about


def _found(entry: os.DirEntry[str], inside: str) -> Found | None:
    """What is known of a file without opening it; None for one that is gone by now, and for what is no file."""
    try:
        about = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    stamp = _stamp(about.st_size, about.st_mtime_ns)
    if stat.S_ISLNK(about.st_mode):
        return Found(inside, stamp, error=_unreadable("a link, and links are not followed"))
    return Found(inside, stamp, about.st_mtime) if stat.S_ISREG(about.st_mode) else None


def _stamp(size: int, changed_ns: int) -> int:
    digest = hashlib.blake2b(f"{size} {changed_ns}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _bytes(path: Path, *, within: Path) -> bytes:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as file:
        there = Path(os.readlink(f"/proc/self/fd/{opened}"))
        if not stat.S_ISREG(os.fstat(opened).st_mode) or not there.is_relative_to(within):
            raise _unreadable("it leads out of the folder")
        most = conf.get().limits.image_bytes
        data = file.read(most + 1)
        most = most if len(data) <= most else sandbox.most_bytes(data)
        data += file.read(max(0, most + 1 - len(data)))
    if len(data) > most:
        raise TooLarge(f"The file has more than {most // 2**20} MB.", code="image_too_large")
    return data


def _unreadable(why: str) -> RetrievalError:
    return RetrievalError(f"Cannot be read: {why}.", code="unreadable_file")


def _forget(source: Source, *, keep: set[UUID]) -> None:
    known = SourceFile.objects.filter(source=source)
    gone = [key for key in known.values_list("key", flat=True) if key not in keep]
    for start in range(0, len(gone), ASKED_AT_ONCE):
        known.filter(key__in=gone[start : start + ASKED_AT_ONCE]).delete()
