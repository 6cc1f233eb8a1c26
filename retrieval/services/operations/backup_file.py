"""The file of a backup: a tar whose every byte can be checked, before anything is done with it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from retrieval.errors import InvalidInput
from retrieval.progress import Progress

FORMAT = 2
# The dump comes first. SUMS lists all before it, in order, as ``sha256sum --check`` reads it; the manifest is the last.
DUMP, SUMS, MANIFEST = "database.dump", "SHA256SUMS", "manifest.json"
CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: its format, when it was made, how much it holds.

    ``bytes`` are of the files beside the dump; ``sums`` is the SHA-256 of SUMS, ``own`` that of all other fields.
    """

    format: int
    created_at: str
    images: int
    files: int
    bytes: int
    sums: str
    own: str = ""

    def digest(self) -> str:
        """SHA-256 of the other fields."""
        rest = {name: value for name, value in asdict(self).items() if name != "own"}
        return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


class Writer:
    """Writes the members one after the other, each with its digest; ``finish`` makes a whole backup of them."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive, self._sums = archive, tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115
        self._files = self._bytes = 0

    def add(self, name: str, path: Path, *, sha256: str | None = None) -> None:
        """Add a file. Raises InvalidInput when it is not the one with this digest, and OSError."""
        with path.open("rb") as file:
            entry = _entry(name, path.stat().st_size)
            hashing = _Hashing(file)
            self._archive.addfile(entry, hashing)
        self._archive.members.clear()  # type: ignore[attr-defined]  # millions of them would be kept
        found = hashing.sha256.hexdigest()
        if sha256 and found != sha256:
            text = f"{path} is damaged, so that it is no good in a backup; manage.py audit --repair says more."
            raise InvalidInput.of("file", text)
        self._sums.write(_line(found, name))
        if name != DUMP:
            self._files, self._bytes = self._files + 1, self._bytes + entry.size

    def finish(self, *, created_at: str, images: int) -> Manifest:
        """Add what the file says of itself."""
        self._sums.seek(0)
        text = self._sums.read()
        self._sums.close()
        sums = hashlib.sha256(text).hexdigest()
        made = Manifest(FORMAT, created_at, images, self._files, self._bytes, sums)
        made = Manifest(**{**asdict(made), "own": made.digest()})
        for name, content in ((SUMS, text), (MANIFEST, json.dumps(asdict(made)).encode())):
            self._archive.addfile(_entry(name, len(content)), io.BytesIO(content))
        return made


@dataclass(frozen=True)
class Checked:
    """A backup that was read from its first to its last byte, and is right."""

    manifest: Manifest
    file: IO[bytes]
    sums: IO[bytes]

    def members(self) -> Iterator[tuple[str, IO[bytes], str]]:
        """Yield name, content and SHA-256 of each member but those by which the file tells of itself."""
        self.sums.seek(0)
        self.file.seek(0)
        with tarfile.open(fileobj=self.file, mode="r:") as archive:
            for line, entry in zip(self.sums, _entries(archive), strict=False):
                yield entry.name, _content(archive, entry), line[:64].decode()


@contextmanager
def opened(source: Path, *, progress: Progress) -> Iterator[Checked]:
    """Check the whole file, then yield it. Raises InvalidInput for whatever is not as it was written."""
    with ExitStack() as held:
        try:
            file = held.enter_context(source.open("rb"))
            sums = held.enter_context(tempfile.TemporaryFile())
            with tarfile.open(fileobj=file, mode="r:") as archive:
                manifest = _check(archive, sums, progress=progress)
                _require_end(source, archive.offset)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise InvalidInput.of("file", f"{source} cannot be read as a backup: {error}") from error
        yield Checked(manifest, file, sums)


def _check(archive: tarfile.TarFile, sums: IO[bytes], *, progress: Progress) -> Manifest:
    """Digest every member into ``sums`` and compare with what the file says."""
    told: dict[str, bytes] = {}
    source = Path(str(archive.name))
    size = source.stat().st_size
    for entry in _entries(archive):
        _require_header(source, entry)
        progress("checking", min(entry.offset_data + entry.size, size), size)
        content = _content(archive, entry)
        if entry.name in {SUMS, MANIFEST}:
            told[entry.name] = content.read()
        elif told:
            raise InvalidInput.of("file", f"{entry.name} does not belong behind the end of a backup.")
        else:
            sums.write(_line(_sha256(content), entry.name))
        _require_blank(source, entry.offset_data + entry.size, archive.offset)
    manifest = _manifest(told)
    _compare(sums, told.get(SUMS, b""), manifest)
    return manifest


def _manifest(told: dict[str, bytes]) -> Manifest:
    if list(told) != [SUMS, MANIFEST]:
        raise InvalidInput.of("file", "This is no whole backup: it does not say what it holds.")
    try:
        said: dict[str, Any] = json.loads(told[MANIFEST])
    except ValueError:
        said = {}
    if said.get("format") != FORMAT or said.keys() != {field.name for field in fields(Manifest)}:
        raise InvalidInput.of("file", "The backup has a format that this version does not know.")
    manifest = Manifest(**said)
    if manifest.own != manifest.digest():
        raise InvalidInput.of("file", "What the backup says of itself is damaged.")
    return manifest


def _compare(sums: IO[bytes], told: bytes, manifest: Manifest) -> None:
    """Every member must be the one that was written, in its place, and none may be missing."""
    if hashlib.sha256(told).hexdigest() != manifest.sums:
        raise InvalidInput.of("file", f"{SUMS} is damaged in the backup.")
    sums.seek(0)
    wanted, found = told.splitlines(), (line.rstrip(b"\n") for line in sums)
    for line in wanted:
        if next(found, b"") != line:
            raise InvalidInput.of("file", f"{line[66:].decode(errors='replace')} is damaged or missing in the backup.")
    if next(found, None) is not None or not wanted or wanted[0][66:].decode() != DUMP:
        raise InvalidInput.of("file", f"The backup should hold a database and {manifest.files} files.")


def _entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members one by one, none kept."""
    while entry := archive.next():
        archive.members.clear()  # type: ignore[attr-defined]
        yield entry


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(entry) if entry.isfile() and not entry.issparse() else None
    if content is None:
        raise InvalidInput.of("file", f"{entry.name} does not belong into a backup.")
    return content


def _require_header(source: Path, entry: tarfile.TarInfo) -> None:
    """The header of a member is to the last byte the one that is written for its name and size."""
    with source.open("rb") as file:
        file.seek(entry.offset)
        found = file.read(entry.offset_data - entry.offset)
    if found != _entry(entry.name, entry.size).tobuf():
        raise InvalidInput.of("file", f"The header of {entry.name} is damaged in the backup.")


def _require_end(source: Path, begin: int) -> None:
    """Behind the last member there are zeros up to a whole record, as ``tarfile`` writes them."""
    size = source.stat().st_size
    if size % tarfile.RECORDSIZE:
        raise InvalidInput.of("file", "The backup is cut off, or something was added to it.")
    _require_blank(source, begin, size)


def _require_blank(source: Path, begin: int, end: int) -> None:
    """Between members and behind the last a tar file is filled up with zeros, and nothing else."""
    with source.open("rb") as file:
        file.seek(begin)
        for chunk in iter(lambda: file.read(min(CHUNK, end - file.tell())), b""):
            if chunk.strip(b"\0"):
                raise InvalidInput.of("file", "The backup is damaged between its members.")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _sha256(content: IO[bytes]) -> str:
    hashing = _Hashing(content)
    while hashing.read(CHUNK):
        pass
    return hashing.sha256.hexdigest()


def _line(sha256: str, name: str) -> bytes:
    return f"{sha256}  {name}\n".encode()


class _Hashing:
    """A file that digests what is read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data
