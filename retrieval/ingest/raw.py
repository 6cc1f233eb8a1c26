"""Find the picture that a camera puts into its raw file beside the raw numbers: a JPEG, which is what is shown."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

from PIL import Image, JpegImagePlugin

from retrieval.errors import TooLarge
from retrieval.ingest import structure, tiff

# Fujifilm; Olympus; Panasonic and Leica; Minolta; Sigma. All others write a TIFF, or an ISO media file (Canon's CR3).
BEGINNINGS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb")
LIKE_TIFF = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
CANON_2, CANON_3 = b"CR", b"crx "
# Photometric interpretations: a mosaic of colour filters, and what was made of one (TIFF/EP; DNG 1.6).
MOSAIC, LINEAR = 32803, 34892
JPEG = re.compile(rb"\xff\xd8\xff")
# What decoders of ordinary JPEGs read; raw numbers themselves are often packed as a lossless one (SOF3).
ORDINARY = {0xFFC0, 0xFFC1, 0xFFC2}
MOST_FOUND, MOST_DIRECTORIES = 200, 16
UPRIGHT = 1


def is_raw(data: bytes) -> bool:
    """Tell by the beginning, or by the tags of the first directory and of those below it."""
    if data.startswith(BEGINNINGS) or (data[4:8] == b"ftyp" and data[8:12] == CANON_3):
        return True
    return tiff.is_tiff(data) and (data[8:10] == CANON_2 or _has_raw_tags(data))


def _has_raw_tags(data: bytes) -> bool:
    first = tiff.directory(data)
    below = [int(at) for at in first.values(tiff.SUB_DIRECTORIES)[:MOST_DIRECTORIES]]
    try:
        every = [first, *(tiff.directory(data, at=at) for at in below)]
    except struct.error:
        every = [first]
    return bool(first.values(tiff.DNG_VERSION)) or any(
        found.whole(tiff.PHOTOMETRIC, 0) in {MOSAIC, LINEAR} for found in every
    )


def preview(data: bytes) -> bytes:
    """Return the largest ordinary JPEG in the file, and whatever follows it; nothing where there is none.

    Raises TooLarge for one that is made to take long.
    """
    largest, found = 0, b""
    for at, pixels in _jpegs(data):
        if pixels > largest:
            largest, found = pixels, data[at:]
    if found:
        structure.require_quick(found)
    return found


def _jpegs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each begins, and its pixels."""
    for number, match in enumerate(JPEG.finditer(data)):
        if number == MOST_FOUND:
            return
        try:
            if pixels := _pixels(data, match.start()):
                yield match.start(), pixels
        except (TooLarge, struct.error):
            continue


def _pixels(data: bytes, start: int) -> int:
    for at, marker in structure.segments(data, start=start):
        if marker in structure.FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return int(height * width) if marker in ORDINARY else 0
    return 0


def orientation(data: bytes) -> int:
    """How the raw file says that its picture is to be turned; some previews say it themselves."""
    if data.startswith(LIKE_TIFF):
        data = data[:2] + (b"*\0" if data.startswith(b"II") else b"\0*") + data[4:]
    try:
        return tiff.directory(data).whole(tiff.ORIENTATION, UPRIGHT) if tiff.is_tiff(data) else UPRIGHT
    except struct.error:
        return UPRIGHT


def opened(data: bytes) -> Image.Image:
    """Read a preview's header by the reader of JPEGs alone. Raises what Pillow raises."""
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
