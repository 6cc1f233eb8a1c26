"""Read JPEG XL by the optional imagecodecs, which decodes at once; how large the picture is is read here before."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from retrieval.ingest import deep, extras
from retrieval.ingest.colour import Raster

codec: Any = extras.load("imagecodecs._jpegxl")

# ISO/IEC 18181-1, annex D, for the codestream; 18181-2, annex A, for the container.
CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
WHOLE, PARTIAL = b"jxlc", b"jxlp"
RATIOS = (None, *(Fraction(*pair) for pair in ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))))
SIDE_BITS = (9, 13, 18, 30)
SIDEWAYS = {5, 6, 7, 8}
MOST_BOXES, HEADER = 1_000, 32
MODES = {2: "LA", 3: "RGB", 4: "RGBA"}


def is_jxl(data: bytes) -> bool:
    """Tell by the beginning, of a bare picture or of a container."""
    return data.startswith((CODESTREAM, CONTAINER))


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright, from the header alone. Raises ValueError where there is none."""
    bits = _Bits(_codestream(data))
    small = bits.read(1)
    height = _side(bits, small=small)
    ratio = RATIOS[bits.read(3)]
    width = int(height * ratio) if ratio else _side(bits, small=small)
    # Metadata: all as usual, else perhaps more fields, the first of which is the orientation, counted from 0.
    turned = not bits.read(1) and bits.read(1) and bits.read(3) + 1 in SIDEWAYS
    return (height, width) if turned else (width, height)


def raster(data: bytes) -> Raster:
    """Decode the first frame in the one thread that there is; a profile is not read. Raises RuntimeError for damage."""
    samples = codec.jpegxl_decode(data, index=0, numthreads=1)
    if samples.dtype != np.uint8:
        opaque = samples[..., :3] if samples.ndim == 3 and samples.shape[-1] >= 3 else samples
        return Raster(Image.fromarray(deep.to_bytes(opaque[..., 0] if opaque.shape[-1] == 2 else opaque)))
    if samples.ndim == 2:
        return Raster(Image.fromarray(samples))
    return Raster(Image.frombytes(MODES[samples.shape[-1]], samples.shape[1::-1], samples.tobytes()))


class _Bits:
    """Numbers out of bytes, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, count: int) -> int:
        """Take so many bits. Raises ValueError behind the end."""
        if count > self._left:
            raise ValueError("the header is cut off")
        found = self._value & (1 << count) - 1
        self._value, self._left = self._value >> count, self._left - count
        return found


def _side(bits: _Bits, *, small: int) -> int:
    """A side in eights, or in one of four widths."""
    return 8 * (bits.read(5) + 1) if small else bits.read(SIDE_BITS[bits.read(2)]) + 1


def _codestream(data: bytes) -> bytes:
    """The first bytes behind the codestream's mark."""
    if data.startswith(CODESTREAM):
        return data[2 : 2 + HEADER]
    for kind, start in _boxes(data):
        at = start + 4 if kind == PARTIAL else start
        if kind in {WHOLE, PARTIAL} and data[at : at + 2] == CODESTREAM:
            return data[at + 2 : at + 2 + HEADER]
    raise ValueError("no codestream")


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Kind of each box, and where it begins behind its head."""
    at = 0
    for _ in range(MOST_BOXES):
        if at + 16 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 16 if length == 1 else 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        yield kind, at + head
        if length < head:  # to the end, or a lie
            return
        at += length
