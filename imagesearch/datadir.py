"""The data folder: made private, proven writable, and the keeper of its secrets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from imagesearch.env import BadVariable

VARIABLE = "IMAGESEARCH_DATA_DIR"
OTHERS = 0o077
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET = "/.s.PGSQL.5432.lock"
SHORTEST = Path("/tmp")


def prepare(folder: Path) -> Path:
    """Make the folder unless it is there, close it to others (mode 0700), and return it; refuse one that is unfit."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadVariable(VARIABLE, f"names {folder}, which cannot be made: {error.strerror}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadVariable(VARIABLE, f"names {folder}, which this user cannot write to.")
    _close(folder)
    return folder


def _close(folder: Path) -> None:
    """Let nobody else in. A folder that is made for everybody, such as /tmp, is refused and not taken from them."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_ISVTX or folder == Path(folder.anchor):
        raise BadVariable(VARIABLE, f"names {folder}, which is for everybody; name a folder in it.")
    if not mode & OTHERS:
        return
    with contextlib.suppress(PermissionError):
        folder.chmod(mode & ~OTHERS)
    if folder.stat().st_mode & OTHERS:
        raise BadVariable(VARIABLE, f"names {folder}, which others may enter and this user cannot close to them.")


def inside(folder: Path, name: str) -> Path:
    """Return a folder in the data folder, made and closed to others."""
    found = folder / name
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def secret_key(folder: Path) -> str:
    """The key kept in the folder; made on first use."""
    return _kept(folder / "secret_key", lambda: secrets.token_urlsafe(64))


def secret(folder: Path, name: str, *, make: Callable[[], str]) -> Path:
    """A file of ``<data>/secrets`` (mode 0700) that one of the embedded servers has its password from; made once."""
    place = folder / "secrets"
    place.mkdir(mode=0o700, exist_ok=True)
    _kept(place / name, make)
    return place / name


def _kept(file: Path, make: Callable[[], str]) -> str:
    """The text of a file (mode 0600), made on first use, whole and on the disk. Two first uses at once agree on one."""
    if not file.exists():
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(make())
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    if file.stat().st_mode & OTHERS:
        file.chmod(0o600)  # libpq reads no password from a file that others may read, and neither should they
    return file.read_text().strip()


def runtime(folder: Path) -> Path:
    """A private folder (0700) for sockets and process files.

    ``<data>/run``, or where that would make a socket path longer than the kernel takes, a folder of this user
    in the system's temporary folder, named after the data folder; in ``/tmp`` where TMPDIR is long as well.
    """
    inside = folder / "run"
    if _has_room(inside):
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside
    name = f"imagesearch-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    usual = Path(tempfile.gettempdir()) / name
    return _owned(usual if _has_room(usual) else SHORTEST / name)


def _has_room(folder: Path) -> bool:
    """Do the paths of sockets in this folder fit what the kernel takes?"""
    return len(os.fsencode(folder)) + len(LONGEST_SOCKET) <= SOCKET_PATH_LIMIT


def _owned(folder: Path) -> Path:
    """Make the folder, or make sure that the one found belongs to this user alone: its name can be guessed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & OTHERS:
        raise BadVariable(VARIABLE, f"needs {folder} for its sockets, but that is not a private folder of this user.")
    return folder
