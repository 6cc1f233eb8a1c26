"""Pictures made in memory for the tests of this room."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache, lru_cache

import numpy as np
from PIL import Image

from tests.ingest import heic

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "HEIF", "RAW")


def scene(width=64, height=48, seed=0):
    """A picture with smooth shapes and a little noise, different for every seed."""
    return _scene(width, height, seed).copy()


@lru_cache(100)
def _scene(width, height, seed):
    if width * height > 1_000_000:
        return scene(width // 4, height // 4, seed).resize((width, height), Image.Resampling.BICUBIC)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.02, 0.3) + y * rng.uniform(0.02, 0.3) + rng.uniform(0, 6)) for _ in range(3)]
    values = np.stack(waves, axis=-1) * 100 + 128 + rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def encoded(image, kind="PNG", **options):
    if kind == "RAW":
        return raw(encoded(image, "JPEG", **options))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@cache
def sample(kind="JPEG", *, seed=0, size=(64, 48)):
    if kind == "HEIF":
        return {(0, (64, 48)): heic.SMALL, (1, (160, 120)): heic.LARGER}[seed, size]
    return encoded(scene(*size, seed=seed), kind)


def raw(*jpegs, orientation=1, numbers=b"\x11\x22" * 500):
    """A DNG: what a sensor measured, and JPEGs beside it."""
    rows = [(254, 4, 1, 1), (274, 3, 1, orientation), (50706, 1, 4, 0x00000401)]
    table = b"".join(struct.pack("<HHII", *row) for row in rows)
    return b"II*\0" + struct.pack("<IH", 8, len(rows)) + table + bytes(4) + numbers + b"".join(jpegs) + numbers


def icns(png):
    """An Apple icon of one size, 128 pixels."""
    return b"icns" + struct.pack(">I", 16 + len(png)) + b"ic07" + struct.pack(">I", 8 + len(png)) + png


def png_header(width, height):
    """A PNG that promises a size and ends soon after."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(b"\0" * 100)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_header(width, height):
    """A small JPEG whose frame header promises another size."""
    data = bytearray(sample("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_header(width, height):
    """A lossless WebP that promises a size."""
    bits = (width - 1) | (height - 1) << 14
    body = b"WEBPVP8L" + struct.pack("<I", 26) + b"\x2f" + struct.pack("<I", bits) + b"\0" * 21
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_frames(count, size=64):
    """A GIF that announces many frames with next to nothing in them."""
    head = b"GIF89a" + struct.pack("<HHBBB", size, size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, size, size, 0) + b"\x02\x02\x4c\x01\x00"
    return head + frame * count + b"\x3b"


def bmp_header(width, height):
    data = bytearray(sample("BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)
