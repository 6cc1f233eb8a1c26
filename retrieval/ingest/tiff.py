"""A TIFF's first directory: read it, and write it anew for a reader that knows fewer kinds."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Value = tuple[int | float, ...]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES = 273, 274, 277, 278, 279
MIN_VALUE, MAX_VALUE, PLANAR, PREDICTOR, COLOUR_MAP = 280, 281, 284, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, EXTRA, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
SIGNED_MIN, SIGNED_MAX, PROFILE, GDAL_NODATA = 340, 341, 34675, 42113
KIND, SUB_DIRECTORIES, DNG_VERSION = 254, 330, 50706

# The letter of each type (TIFF 6.0, section 2; BigTIFF), by its number; two letters make a fraction.
TYPES = {
    1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
# What takes 8 bytes in a BigTIFF alone, and what it is called in any other.
SHORTER = {16: 4, 17: 9, 18: 13}
# What says how the picture lies in the file and what its numbers mean; all else is passed over.
NEEDED = {
    KIND, *range(256, 260), 262, 266, *range(273, 282), 284, 292, 293, 317, 320, *range(322, 326), 332,
    *range(338, 342), 347, *range(529, 533), SUB_DIRECTORIES, PROFILE, GDAL_NODATA, DNG_VERSION,
}  # fmt: skip
MOST_VALUES, MOST_DIRECTORIES = 4 * 1024 * 1024, 10_000
SMALLER, MASK = 1, 4
CLASSIC, BIG = 42, 43
SHORT, LONG = 3, 4


@dataclass(frozen=True)
class Entry:
    """The type of a tag's values, and the values."""

    type: int
    values: Value


@dataclass(frozen=True)
class Directory:
    """The tags of the first directory. ``order``: "<" or ">"; ``big``: a BigTIFF."""

    order: str
    big: bool
    entries: Mapping[int, Entry]

    def values(self, tag: int) -> Value:
        """All values of a tag; none when it is not there."""
        entry = self.entries.get(tag)
        return entry.values if entry else ()

    def whole(self, tag: int, default: int) -> int:
        """The first value of a tag as a whole number."""
        values = self.values(tag)
        return int(values[0]) if values else default

    def bytes(self, tag: int) -> bytes:
        """The values of a tag that are bytes."""
        return bytes(int(value) & 0xFF for value in self.values(tag))


def is_tiff(data: bytes) -> bool:
    """Tell by the first four bytes."""
    return data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


@dataclass(frozen=True)
class _File:
    """The file's bytes, and what differs between its forms."""

    data: bytes
    order: str
    big: bool

    @classmethod
    def of(cls, data: bytes) -> _File:
        """Read the header. Raises struct.error when it is cut off."""
        order = "<" if data[:2] == b"II" else ">"
        return cls(data, order, big=struct.unpack_from(order + "H", data, 2)[0] == BIG)

    def numbers(self, letters: str, at: int) -> tuple[Any, ...]:
        """Unpack at this place. Raises struct.error behind the end."""
        return struct.unpack_from(self.order + letters, self.data, at)

    def values(self, kind: int, many: int, at: int) -> Value:
        """The values of an entry: at this place when there is room, else where it points."""
        letters = TYPES[kind]
        if struct.calcsize(self.order + letters) * many > (8 if self.big else 4):
            (at,) = self.numbers("Q" if self.big else "I", at)
        return self.numbers(f"{many * len(letters)}{letters[0]}", at)


def directory(data: bytes, *, at: int | None = None) -> Directory:
    """Read the needed tags of the first directory, or of the one there. Raises struct.error when it is cut off."""
    file = _File.of(data)
    # Beside two bytes of tag and two of type: how many there are, how long that number is, and a whole entry.
    letter, width, size = ("Q", 8, 20) if file.big else ("I", 4, 12)
    at = at if at is not None else int(file.numbers(letter, 8 if file.big else 4)[0])
    (count,) = file.numbers("Q" if file.big else "H", at)
    first, entries = at + (8 if file.big else 2), dict[int, Entry]()
    for start in range(first, first + count * size, size):
        tag, kind, many = file.numbers("HH" + letter, start)
        if tag in NEEDED and kind in TYPES and many <= MOST_VALUES:
            with suppress(struct.error):  # a tag that names what is not there is left out
                entries.setdefault(tag, Entry(kind, file.values(kind, many, start + 4 + width)))
    return Directory(file.order, file.big, entries)


def pages(data: bytes, *, most: int) -> list[int]:
    """Where the directories of whole pictures lie, one behind the other; at most one more than ``most``.

    Smaller versions of a picture and masks (NewSubfileType; TIFF 6.0, section 8) are no pages; the first one always is.
    A chain that is cut off or comes back to itself ends there.
    """
    found, seen, at = list[int](), set[int](), first_directory(data)
    with suppress(struct.error):
        while at and at not in seen and len(found) <= most and len(seen) < MOST_DIRECTORIES:
            seen.add(at)
            kind = directory(data, at=at).whole(KIND, 0)
            found += [] if found and kind & (SMALLER | MASK) else [at]
            at = _following(data, at)
    return found


def first_directory(data: bytes) -> int:
    """Where the first directory lies. Raises struct.error when the header is cut off."""
    file = _File.of(data)
    return int(file.numbers("Q" if file.big else "I", 8 if file.big else 4)[0])


def _following(data: bytes, at: int) -> int:
    file = _File.of(data)
    (count,) = file.numbers("Q" if file.big else "H", at)
    behind = at + (8 + 20 * count if file.big else 2 + 12 * count)
    return int(file.numbers("Q" if file.big else "I", behind)[0])


def turned_to(data: bytes, at: int) -> bytes:
    """Return the file with the directory at this place as its first."""
    file = _File.of(data)
    place = struct.pack(file.order + ("Q" if file.big else "I"), at)
    return data[:8] + place + data[16:] if file.big else data[:4] + place + data[8:]


def rewritten(data: bytes, order: str, entries: Mapping[int, Entry]) -> bytes:
    """Return the file with this as its only directory, in the classic form; its pieces stay where they are.

    Raises struct.error for numbers that the classic form has no room for.
    """
    at = len(data) + len(data) % 2
    rows, after = [], b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        kind = SHORTER.get(entry.type, entry.type)
        letters = TYPES[kind]
        packed = struct.pack(f"{order}{len(entry.values)}{letters[0]}", *entry.values)
        if len(packed) > 4:
            place = behind + len(after)
            after += packed + bytes(len(packed) % 2)
            packed = struct.pack(order + "I", place)
        rows.append(struct.pack(order + "HHI", tag, kind, len(entry.values) // len(letters)) + packed.ljust(4, b"\0"))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", CLASSIC, at)
    table = struct.pack(order + "H", len(rows)) + b"".join(rows) + bytes(4)
    return head + data[8:] + bytes(at - len(data)) + table + after


def classic(data: bytes) -> bytes:
    """Return a BigTIFF as a plain one: Pillow reads only those whose lowest byte comes first."""
    found = directory(data)
    return rewritten(data, found.order, found.entries) if found.big else data


def longs(values: Iterable[int]) -> Entry:
    """Whole numbers as a tag has them."""
    return Entry(LONG, tuple(values))
