"""A ZIP archive that is written while it is read: one block of one file is in memory at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

FIRST_YEAR = 1980  # the format knows none before


@dataclass(frozen=True)
class ZipMember:
    """A file to come: its name in the archive, its bytes block by block, how many they are, and when it was made."""

    name: str
    blocks: Iterable[bytes]
    size: int
    made_at: datetime


class ZipStream:
    """The bytes of an archive whose members are stored as they are, read once, from its beginning to its end.

    Nothing is done before it is read, and reading needs no database: who sends it may keep it when the request is over
    (``hand_over``), and a slow client then holds no thread of those that answer.
    """

    def __init__(self, members: Iterable[ZipMember]) -> None:
        self._parts, self._rest = _written(members), b""

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def read(self, size: int) -> bytes:
        """So many bytes more; fewer only at the end."""
        kept = [self._rest]
        length = len(self._rest)
        while length < size and (part := next(self._parts, b"")):
            kept.append(part)
            length += len(part)
        data = b"".join(kept)
        self._rest = data[size:]
        return data[:size]

    def hand_over(self) -> ZipStream:
        """Hand over what is left to be read; this one has nothing more, and to close it closes nothing."""
        other = ZipStream(())
        other._parts, other._rest = self._parts, self._rest
        self._parts, self._rest = _written(()), b""
        return other

    def close(self) -> None:
        """Let go of the file that is being read."""
        self._parts.close()


class _Sink:
    """Where ``zipfile`` writes: neither told nor set back, as it is a stream."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def taken(self) -> bytes:
        data, self.parts = b"".join(self.parts), []
        return data


def _written(members: Iterable[ZipMember]) -> Generator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for member in members:
            with archive.open(_info(member), "w") as file:
                for block in member.blocks:
                    file.write(block)
                    yield sink.taken()
    yield sink.taken()


def _info(member: ZipMember) -> zipfile.ZipInfo:
    made = member.made_at.timetuple()[:6]
    info = zipfile.ZipInfo(member.name, made if made[0] >= FIRST_YEAR else (FIRST_YEAR, 1, 1, 0, 0, 0))
    info.file_size, info.external_attr = member.size, 0o600 << 16
    return info
