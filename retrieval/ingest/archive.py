"""Read a ZIP archive member by member, with limits on the real bytes; its paths are never used as paths."""

from __future__ import annotations

import itertools
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import member_names
from retrieval.ingest.clutter import is_clutter

ENCRYPTED = 0x1
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
NAME_LENGTH = 500
# A member of this name tells of the others, in its folder and below; the outermost one is taken.
TABLE = "metadata.csv"
# Zero width non-joiner and joiner are parts of words.
JOINERS = "\u200c\u200d"
LOCAL_HEADER = 30
# The record at the end says how long the directory is; it is asked before the directory is read.
END, END_TAG, END_SEARCHED = struct.Struct("<4s4H2LH"), b"PK\x05\x06", 65_535 + 22
DIRECTORY_BYTES_PER_MEMBER = 1024
ARCHIVE_TAG = b"PK\x03\x04"
# What zipfile raises on damaged archives.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, OSError, LookupError)
# So many entries may stand in the directory for each member that is read: folders, and what systems leave there.
ENTRIES_PER_MEMBER = 4
# ZIP64 (APPNOTE 4.3.14, 4.3.15): in front of the end stands where the large one is, which counts the directory.
LOCATOR, LOCATOR_TAG = struct.Struct("<4sLQL"), b"PK\x06\x07"
LARGEST_OFFSET = 2**62
LARGE_END, LARGE_END_TAG = struct.Struct("<4sQ2H2L4Q"), b"PK\x06\x06"


@dataclass(frozen=True)
class ArchiveLimits:
    """Most members, most bytes of all that is unpacked, most bytes of one member."""

    members: int = 2_000
    real_bytes: int = 1024 * 1024 * 1024
    member_bytes: int = 25 * 1024 * 1024


@dataclass(frozen=True)
class Member:
    """One file of the archive: its name as display text, and its bytes or why they were refused."""

    name: str
    data: bytes = b""
    error: RetrievalError | None = None


class PictureArchive:
    """An open archive. Nothing of it is ever written to the disk."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        """Open the archive and check its directory.

        Raises TooLarge for too many members or bytes, UnsupportedPicture for what is no sound archive.
        """
        self._limits = limits
        _check_end(path, limits)
        try:
            self._zip = zipfile.ZipFile(path)
        except DAMAGE as error:
            raise _damaged() from error
        infos = self._zip.infolist()
        named = zip(infos, member_names.names(infos), strict=True)
        self._entries = [
            (info, name) for info, name in named if not name.endswith("/") and not is_clutter(_parts(name))
        ]
        tables = [entry for entry in self._entries if _parts(entry[1])[-1].lower() == TABLE]
        self._table = min(tables, key=lambda entry: len(_parts(entry[1])), default=None)
        self._entries = [entry for entry in self._entries if entry is not self._table]
        try:
            self._check_entries(infos)
        except RetrievalError:
            self._zip.close()
            raise

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """The paths of all members, as display text."""
        return [_shown(name) for _, name in self._entries]

    def table(self) -> tuple[str, bytes] | None:
        """Return the table that tells of the members, after its folder; None when there is none.

        Raises UnsupportedPicture and TooLarge when it cannot be read.
        """
        if self._table is None:
            return None
        info, name = self._table
        _check_member(info, name)
        try:
            return name[: -len(TABLE)], self._read(info)
        except DAMAGE:
            raise UnsupportedPicture("This member of the archive is damaged.", code="member_damaged") from None

    def members(self, *, start: int = 0) -> Iterator[Member]:
        """Yield the members in order from position ``start``; one that is refused carries its reason.

        Raises TooLarge once more bytes came out than an archive may hold.
        """
        real = 0
        for info, name in self._entries[start:]:
            member = self._member(info, name)
            real += len(member.data)
            if real > self._limits.real_bytes:
                raise _too_many_bytes(self._limits)
            yield member

    def _check_entries(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(self._entries) > self._limits.members:
            raise _too_many_members(self._limits)
        if sum(info.file_size for info, _ in self._entries) > self._limits.real_bytes:
            raise _too_many_bytes(self._limits)
        if _overlaps(infos):
            raise UnsupportedPicture("Members of the archive overlap.", code="archive_overlap")

    def _member(self, info: zipfile.ZipInfo, path: str) -> Member:
        name = _shown(path)
        try:
            _check_member(info, path)
            return Member(name, self._read(info))
        except RetrievalError as error:
            return Member(name, error=error)
        except DAMAGE:
            damaged = UnsupportedPicture("This member of the archive is damaged.", code="member_damaged")
            return Member(name, error=damaged)

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """Unpack at most one byte more than a member may have, whatever size it claims."""
        with self._zip.open(info) as file:
            data = file.read(self._limits.member_bytes + 1)
        if len(data) > self._limits.member_bytes:
            raise TooLarge(f"The file has more than {self._limits.member_bytes // 2**20} MB.", code="image_too_large")
        if data.startswith(ARCHIVE_TAG):
            raise UnsupportedPicture("An archive inside an archive is not opened.", code="nested_archive")
        return data


def _check_end(path: Path, limits: ArchiveLimits) -> None:
    """Refuse a directory of too many members before it is read."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - END_SEARCHED))
        tail = file.read()
        at = tail.rfind(END_TAG)
        if at < 0 or at + END.size > len(tail):
            raise _damaged()
        count, directory_bytes = END.unpack_from(tail, at)[4:6]
        if at >= LOCATOR.size and tail[at - LOCATOR.size :].startswith(LOCATOR_TAG):
            count, directory_bytes = _large_end(file, tail[at - LOCATOR.size : at])
    most = limits.members * ENTRIES_PER_MEMBER
    if count > most or directory_bytes > most * DIRECTORY_BYTES_PER_MEMBER:
        raise _too_many_members(limits)


def _large_end(file: BinaryIO, locator: bytes) -> tuple[int, int]:
    """How many entries the directory of a ZIP64 has, and how many bytes."""
    file.seek(min(LOCATOR.unpack(locator)[2], LARGEST_OFFSET))
    record = file.read(LARGE_END.size)
    if len(record) < LARGE_END.size or not record.startswith(LARGE_END_TAG):
        raise _damaged()
    count, directory_bytes = LARGE_END.unpack(record)[7:9]
    return count, directory_bytes


def _check_member(info: zipfile.ZipInfo, name: str) -> None:
    parts = _parts(name)
    if ".." in parts or parts[0] == "" or ":" in parts[0]:
        raise UnsupportedPicture("The member's name points outside the archive.", code="unsafe_name")
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
        raise UnsupportedPicture("The member is a link or a special file.", code="special_member")
    if info.flag_bits & ENCRYPTED:
        raise UnsupportedPicture("The member is encrypted.", code="encrypted_member")
    if info.compress_type not in METHODS:
        raise UnsupportedPicture("The member is packed by an unusual method.", code="unknown_compression")


def _overlaps(infos: list[zipfile.ZipInfo]) -> bool:
    """Whether two members claim the same bytes, as a bomb that unpacks one run of bytes many times does."""
    spans = sorted((info.header_offset, info.header_offset + LOCAL_HEADER + info.compress_size) for info in infos)
    return any(end > start for (_, end), (start, _) in itertools.pairwise(spans))


def _parts(name: str) -> list[str]:
    return name.split("/")


def _shown(name: str) -> str:
    return "".join(sign if sign.isprintable() or sign in JOINERS else "\N{REPLACEMENT CHARACTER}" for sign in name)[
        :NAME_LENGTH
    ]


def _damaged() -> UnsupportedPicture:
    return UnsupportedPicture("This is not a ZIP archive, or it is damaged.", code="archive_damaged")


def _too_many_members(limits: ArchiveLimits) -> TooLarge:
    return TooLarge(f"An archive may have at most {limits.members:,} members.", code="archive_too_many_members")


def _too_many_bytes(limits: ArchiveLimits) -> TooLarge:
    return TooLarge(f"Unpacked, the archive has more than {limits.real_bytes // 2**20} MB.", code="archive_too_large")
