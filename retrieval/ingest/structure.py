"""Count from a file's structure what would take long to decode, before any decoder sees it."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Callable, Iterator

from PIL import JpegImagePlugin

from retrieval.errors import TooLarge

# What each costs was measured with files made for it (tests/ingest/slow.py). Honest files have far less of everything.
FEWEST_SCANS, MOST_SCANS, MOST_SCANNED_PIXELS = 10, 100, 1_000_000_000
MOST_SEGMENTS, MOST_BETWEEN = 500, 1_000_000
MOST_CHUNKS, MOST_OTHER_CHUNKS = 100_000, 300
MOST_SUB_BLOCKS = 300_000
MOST_RUN_BYTES = 4 * 1024 * 1024
MOST_TAGS, MOST_PIECES = 1_000, 100_000

SCAN, END = 0xFFDA, 0xFFD9
FRAMES = {0xFFC0 + number for number in range(16)} - {0xFFC4, 0xFFC8, 0xFFCC}
# In packed data 0xFF stands before a zero, a restart or a filling 0xFF; before anything else it is a marker.
MARKER, HEAD_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]"), re.compile(rb"\xff[^\x00\xff]")
GIF_EXTENSION, GIF_PICTURE, GIF_FIRST_BLOCK = 0x21, 0x2C, 13
STRIPS, TILES = 273, 324
ANIMATION = {b"IDAT", b"fdAT", b"fcTL"}


def require_quick(data: bytes) -> None:
    """Refuse a file that is made so that decoding takes long for its size and pixels.

    Raises TooLarge (``picture_too_slow``). Whatever is damaged passes: that is for the decoder to say.
    """
    for beginning, check in CHECKS.items():
        if data.startswith(beginning):
            try:
                check(data)
            except (IndexError, struct.error):
                return


def _jpeg(data: bytes) -> None:
    """Count the segments before the picture, which Pillow reads one by one, and the scans, each a walk over all pixels.

    ITU-T T.81, annex B.
    """
    at = pixels = 0
    for number, (at, marker) in enumerate(segments(data), 1):
        if number > MOST_SEGMENTS:
            raise _slow(f"The JPEG file has more than {MOST_SEGMENTS} segments before its picture.")
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            pixels = max(pixels, height * width)
    # With too many pixels it is refused for these.
    most = min(MOST_SCANS, max(FEWEST_SCANS, MOST_SCANNED_PIXELS // max(1, pixels)))
    # The quick count is never too low; only what is beyond it is worth the walk.
    if data.count(b"\xff\xda", at) > most and len(list(itertools.islice(scans(data, at), most + 1))) > most:
        raise _slow(f"The JPEG file builds up its picture in too many scans; at its size {most} are read.")


def segments(data: bytes, *, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield place and marker of what stands before the packed picture, the first scan last, as Pillow finds them.

    ``start``: where the JPEG begins. Pillow passes over whatever is between them, byte by byte.
    """
    at, between = start + 2, 0
    while match := HEAD_MARKER.search(data, at):
        between += match.start() - at
        if between > MOST_BETWEEN:
            raise _slow(f"The JPEG file has more than {MOST_BETWEEN // 1000} kB between its segments.")
        at, marker = match.start(), int.from_bytes(match[0])
        if marker not in JpegImagePlugin.MARKER:
            return
        yield at, marker
        if marker == SCAN:
            return
        has_length = JpegImagePlugin.MARKER[marker][2] is not None
        at += 2 + (int(struct.unpack_from(">H", data, at + 2)[0]) if has_length else 0)


def scans(data: bytes, at: int) -> Iterator[int]:
    """Yield the place of each scan's header; ``at``: where the first one is, or before it."""
    while match := MARKER.search(data, at):
        at, marker = match.start(), int.from_bytes(match[0])
        if marker == END:
            return
        if marker == SCAN:
            yield at
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _png(data: bytes) -> None:
    """Count the chunks: Pillow reads each by itself, and may unpack what is not the picture's (PNG, section 5)."""
    at, others = 8, 0
    for _ in range(MOST_CHUNKS):
        length, kind = struct.unpack_from(">I4s", data, at)
        others += kind not in ANIMATION
        if others > MOST_OTHER_CHUNKS:
            raise _slow(f"The PNG file has more than {MOST_OTHER_CHUNKS} chunks beside its picture.")
        if kind == b"IEND":
            return
        at += 12 + length
    raise _slow(f"The PNG file has more than {MOST_CHUNKS:,} chunks.")


def _gif(data: bytes) -> None:
    """Count the sub-blocks up to the end of the first frame (GIF89a, section 15): there may be one for each byte."""
    at, left, frames = GIF_FIRST_BLOCK + _table(data[10]), MOST_SUB_BLOCKS, 1
    while data[at] in {GIF_EXTENSION, GIF_PICTURE} and frames:
        frames -= data[at] == GIF_PICTURE
        at += 2 if data[at] == GIF_EXTENSION else 11 + _table(data[at + 9])
        while data[at] and left:
            at, left = at + data[at] + 1, left - 1
        if not left:
            raise _slow(f"The GIF file is cut into more than {MOST_SUB_BLOCKS:,} blocks.")
        at += 1


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _bmp(data: bytes) -> None:
    """Bound what is packed in runs: each is a step of a slow decoder. Compression 1 and 2 are RLE8 and RLE4."""
    header, packing = struct.unpack_from("<I", data, 14)[0], struct.unpack_from("<I", data, 30)[0]
    if header > 12 and packing in {1, 2} and len(data) > MOST_RUN_BYTES:
        raise _slow(f"A BMP file packed in runs may have {MOST_RUN_BYTES // 2**20} MB.")


def _tiff(data: bytes) -> None:
    """Count tags, and the strips or tiles that the first directory names (TIFF 6.0, section 2; BigTIFF)."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in {b"+\0", b"\0+"}
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (tags,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    if tags > MOST_TAGS:
        raise _slow(f"The TIFF file has more than {MOST_TAGS:,} tags.")
    first, entry = (at + 8, struct.Struct(order + "HHQQ")) if big else (at + 2, struct.Struct(order + "HHII"))
    for number in range(tags):
        tag, _, count, _ = entry.unpack_from(data, first + number * entry.size)
        if tag in {STRIPS, TILES} and count > MOST_PIECES:
            raise _slow(f"The TIFF file is cut into more than {MOST_PIECES:,} pieces.")


def _slow(message: str) -> TooLarge:
    return TooLarge(message, code="picture_too_slow")


CHECKS: dict[bytes, Callable[[bytes], None]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
}
