"""Odd but sound files, written by hand: TIFFs of any layout, and PNGs of any chunks."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = {"u": 1, "i": 2, "f": 3}


def tiff(samples, *, order="<", big=False, photometric=1, planar=1, predictor=1, packed=False, tile=0, tags=()):
    """A TIFF of these samples, (H, W) or (H, W, samples); ``tags``: (tag, type, values) beside the usual ones."""
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    high, wide, count = samples.shape
    kind = samples.dtype.newbyteorder(order)
    planes = [samples] if planar == 1 else [samples[:, :, n : n + 1] for n in range(count)]
    pieces = [piece for plane in planes for piece in _pieces(plane, tile)]
    data = [_predicted(piece, predictor, kind) for piece in pieces]
    data = [zlib.compress(piece) for piece in data] if packed else data
    start = 16 if big else 8
    offsets = [start + sum(map(len, data[:n])) for n in range(len(data))]
    where = [(322, 4, [tile]), (323, 4, [tile]), (324, 4, offsets), (325, 4, [len(p) for p in data])]
    where = where if tile else [(273, 4, offsets), (278, 4, [high]), (279, 4, [len(piece) for piece in data])]
    usual = [
        (256, 4, [wide]), (257, 4, [high]), (258, 3, [8 * kind.itemsize] * count), (259, 3, [8 if packed else 1]),
        (262, 3, [photometric]), (277, 3, [count]), (284, 3, [planar]), (317, 3, [predictor]),
        (339, 3, [KINDS[kind.kind]] * count), *where,
    ]  # fmt: skip
    return _file(b"".join(data), [*usual, *tags], order, big)


def _pieces(plane, tile):
    if not tile:
        return [plane]
    high, wide, count = plane.shape
    padded = np.zeros((-(-high // tile) * tile, -(-wide // tile) * tile, count), plane.dtype)
    padded[:high, :wide] = plane
    steps = [(y, x) for y in range(0, padded.shape[0], tile) for x in range(0, padded.shape[1], tile)]
    return [padded[y : y + tile, x : x + tile] for y, x in steps]


def _predicted(piece, predictor, kind):
    """TIFF 6.0, section 14, and TechNote 3, written out row by row."""
    if predictor == 1:
        return piece.astype(kind).tobytes()
    if predictor == 2:
        return np.concatenate([piece[:, :1], np.diff(piece, axis=1)], axis=1).astype(kind).tobytes()
    rows, count = [], piece.shape[2]
    for row in piece.astype(kind.newbyteorder(">")):
        values = np.frombuffer(row.tobytes(), np.uint8).reshape(-1, kind.itemsize).T.reshape(-1, count)
        rows.append(np.concatenate([values[:1], np.diff(values, axis=0)]).astype(np.uint8).tobytes())
    return b"".join(rows)


def _file(data, tags, order, big):
    sizes = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 12: "d"}
    room, letter = (8, "Q") if big else (4, "I")
    at = (16 if big else 8) + len(data)
    behind = at + (8 if big else 2) + len(tags) * (20 if big else 12) + room
    rows, more = b"", b""
    for tag, kind, values in sorted(tags, key=lambda entry: entry[0]):
        packed = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        if len(packed) > room:
            more, packed = more + packed, struct.pack(order + letter, behind + len(more))
        rows += struct.pack(f"{order}HH{letter}", tag, kind, len(values)) + packed.ljust(room, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(
        order + ("HHHQ" if big else "HI"), *([43, 8, 0, at] if big else [42, at])
    )
    return head + data + struct.pack(order + ("Q" if big else "H"), len(tags)) + rows + bytes(room) + more


def png(samples, *, bits=8, colour=2, before=(), after=(), palette=b""):
    """A PNG of these samples (H, W, ...); ``before``, ``after`` the pixels: (kind, body), or chunks as bytes."""
    high, wide = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else np.uint8).tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", wide, high, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *before, (b"IDAT", zlib.compress(rows)), *after, (b"IEND", b"")]
    if palette:
        parts.insert(1, (b"PLTE", palette))
    return b"\x89PNG\r\n\x1a\n" + b"".join(part if isinstance(part, bytes) else chunk(*part) for part in parts)


def chunk(kind, body, *, sound=True):
    """A chunk; with a wrong checksum when it is not to be sound."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ (not sound))


def icc_chunk(profile):
    return b"iCCP", b"name\0\0" + zlib.compress(profile)


def pixels(image):
    """The picture as numbers (H, W, 3)."""
    return np.asarray(image.convert("RGB")).astype(int)


def frame_in_canvas(canvas, box, colour):
    """A GIF whose only frame, of one colour, covers a box of its canvas."""
    out = io.BytesIO()
    Image.new("P", (box[2] - box[0], box[3] - box[1]), 1).save(out, "GIF", optimize=False)
    data = bytearray(out.getvalue())
    table = 3 * 2 ** ((data[10] & 7) + 1)
    data[13 : 13 + table] = bytes(3) + bytes(colour) + bytes(table - 6)
    at = data.index(b"\x2c", 13 + table)
    data[6:10] = struct.pack("<HH", *canvas)
    data[at + 1 : at + 5] = struct.pack("<HH", *box[:2])
    return bytes(data)
