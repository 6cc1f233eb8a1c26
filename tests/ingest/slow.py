"""Small files that take long to decode: each uses what a format lets repeat without bound."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


def jpeg_scans(scans: int, *, size: tuple[int, int] = (64, 64), extra: bytes = b"", between: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan comes so often that there are ``scans`` in all.

    ``extra`` stands before its first segment, ``between`` before each of the scans that are added.
    """
    out = io.BytesIO()
    Image.new("L", size, 90).save(out, "JPEG", progressive=True)
    data = out.getvalue().removesuffix(END_OF_IMAGE)
    last = data.rindex(START_OF_SCAN)
    again = scans - data.count(START_OF_SCAN)
    return data[:2] + extra + data[2:] + (between + data[last:]) * again + END_OF_IMAGE


def jpeg_segments(count: int, *, content: bytes = b"", marker: int = 0xE0) -> bytes:
    """A small JPEG with so many segments before its picture."""
    segment = struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content
    return jpeg_scans(6, extra=segment * count)


def gif_comment(blocks: int, *, length: int = 255) -> bytes:
    """A small GIF with a comment of so many sub-blocks."""
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF")
    data = out.getvalue()
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    comment = b"\x21\xfe" + (bytes([length]) + b"c" * length) * blocks + b"\0"
    return data[:at] + comment + data[at:]


def png_chunks(count: int, *, kind: bytes = b"prVt", content: bytes = b"") -> bytes:
    """A small PNG with so many chunks before its picture."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    data = out.getvalue()
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:33] + chunk * count + data[33:]


def bmp_runs(size: tuple[int, int], *, runs: int, length: int = 1) -> bytes:
    """A BMP packed in so many runs of ``length`` pixels each (RLE8)."""
    body = bytes([length, 7]) * runs + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(header) + 1024
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + header + b"\0" * 1024 + body


def tiff(size: tuple[int, int], *, pieces: int, tile: int = 0, packing: int = 1, piece: bytes = b"") -> bytes:
    """A grey TIFF that names so many strips, or square tiles, all of them the same bytes."""
    piece = piece or b"\x55" * (tile * tile or size[0])
    offsets = 8 + len(piece)
    sizes = offsets + 4 * pieces
    where = (324, 325) if tile else (273, 279)
    tags = [
        (256, 4, 1, size[0]), (257, 4, 1, size[1]), (258, 3, 1, 8), (259, 3, 1, packing), (262, 3, 1, 1),
        (277, 3, 1, 1), (where[0], 4, pieces, offsets), (where[1], 4, pieces, sizes),
        *([(322, 4, 1, tile), (323, 4, 1, tile)] if tile else [(278, 4, 1, 1)]),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags)) + bytes(4)
    lists = struct.pack("<I", 8) * pieces + struct.pack("<I", len(piece)) * pieces
    return b"II*\0" + struct.pack("<I", sizes + 4 * pieces) + piece + lists + directory


def tiff_tags(count: int, *, length: int) -> bytes:
    """A small TIFF with so many more tags, each of which names the same ``length`` bytes."""
    data = b"\x55" * 64
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]  # fmt: skip
    more = [(40_000 + number, 7, length, 8) for number in range(count)]
    directory = struct.pack("<H", len(tags) + count) + b"".join(struct.pack("<HHII", *tag) for tag in tags + more)
    return b"II*\0" + struct.pack("<I", 8 + len(data) + length) + data + bytes(length) + directory + bytes(4)
