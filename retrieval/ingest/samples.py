"""Read the TIFF pictures that Pillow does not, or reads wrongly: samples of 16 bits and more, and unusual colours."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from retrieval.ingest import tiff
from retrieval.ingest.deep import Depth, to_bytes
from retrieval.ingest.tiff import Directory

# LZW, Deflate by its two names, PackBits, LZMA, Zstandard and nothing: all that packs bytes, whatever they mean.
BYTEWISE = {1, 5, 8, 32946, 32773, 34925, 50000}
KINDS = {1: "u", 2: "i", 3: "f"}
DEPTHS = {"u": {8, 16, 32, 64}, "i": {8, 16, 32, 64}, "f": {16, 32, 64}}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
MODES = {1: "L", 3: "RGB", 4: "CMYK"}
MOST_SAMPLES = 64
ASSOCIATED, UNASSOCIATED = 1, 2
PLAIN, HORIZONTAL, FLOATING = 1, 2, 3
SEPARATE = 2


class UnknownKindError(Exception):
    """A sound file of a kind that is not read here."""


@dataclass(frozen=True)
class Layout:
    """How the samples lie. ``kind``: their type, its lowest byte first or last; ``piece``: width and height of a tile,
    or of a strip; ``samples``: of each pixel, the first ``colours`` of them its colour.
    """

    size: tuple[int, int]
    kind: np.dtype[Any]
    samples: int
    photometric: int
    extra: tuple[int, ...]
    piece: tuple[int, int]
    separate: bool
    predictor: int
    found: Directory

    @property
    def colours(self) -> int:
        """How many samples of a pixel are its colour."""
        return COLOURS[self.photometric]

    @property
    def planes(self) -> int:
        """How many pictures of ``together`` samples a pixel the file holds one after the other."""
        return self.samples if self.separate else 1

    @property
    def together(self) -> int:
        """How many samples of a pixel lie side by side."""
        return 1 if self.separate else self.samples


def layout(found: Directory) -> Layout:
    """Read the layout. Raises UnknownKindError when the samples cannot be read here, and ValueError for damage."""
    size = found.whole(tiff.WIDTH, 0), found.whole(tiff.HEIGHT, 0)
    samples, bits = found.whole(tiff.SAMPLES, 1), {int(value) for value in found.values(tiff.BITS)} or {1}
    formats = {int(value) for value in found.values(tiff.SAMPLE_FORMAT)} or {1}
    photometric = found.whole(tiff.PHOTOMETRIC, BLACK_IS_ZERO)
    letter = KINDS.get(formats.pop()) if len(formats) == 1 else None
    depth = bits.pop() if len(bits) == 1 else 0
    known = letter and depth in DEPTHS[letter] and photometric in COLOURS
    if not known or found.whole(tiff.COMPRESSION, 1) not in BYTEWISE or not 0 < samples <= MOST_SAMPLES:
        raise UnknownKindError
    if min(size) < 1 or samples < COLOURS[photometric]:
        raise ValueError("no picture")
    tiled = tiff.TILE_OFFSETS in found.entries
    strip = size[0], min(size[1], found.whole(tiff.ROWS, size[1]))
    piece = (found.whole(tiff.TILE_WIDTH, 0), found.whole(tiff.TILE_HEIGHT, 0)) if tiled else strip
    if min(piece) < 1:
        raise ValueError("pieces without size")
    return Layout(
        size, np.dtype(f"{found.order}{letter}{depth // 8}"), samples, photometric,
        tuple(int(value) for value in found.values(tiff.EXTRA)), piece,
        separate=found.whole(tiff.PLANAR, 1) == SEPARATE and samples > 1,
        predictor=found.whole(tiff.PREDICTOR, PLAIN), found=found,
    )  # fmt: skip


def picture(data: bytes, lying: Layout) -> Image.Image:
    """Decode as L, RGB, CMYK or RGBA. Raises what Pillow raises on damage."""
    planes = [_plane(data, lying, number) for number in range(lying.planes)]
    samples = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
    colours = samples[:, :, 0] if lying.colours == 1 else samples[:, :, : lying.colours]
    image = _as_mode(to_bytes(colours, _depth(lying)), MODES[lying.colours])
    return _with_alpha(image, samples, lying)


def _as_mode(shown: NDArray[np.uint8], mode: str) -> Image.Image:
    return Image.frombytes(mode, shown.shape[1::-1], np.ascontiguousarray(shown).tobytes())


def _plane(data: bytes, lying: Layout, number: int) -> NDArray[Any]:
    """The samples (H, W, together) of one plane: its bytes are read as if they were a grey picture of 8 bits."""
    width, height = lying.size
    across = math.ceil(width / lying.piece[0]) * lying.piece[0]
    each = lying.kind.itemsize * lying.together
    grey = TiffImagePlugin.TiffImageFile(io.BytesIO(_as_grey(data, lying, number, width=across * each)))
    grey.load()
    rows = np.asarray(grey)
    pieces = [_unpredicted(rows[:, at : at + lying.piece[0] * each], lying) for at in _starts(across, lying, each)]
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
    return whole[:height, :width]


def _starts(across: int, lying: Layout, each: int) -> Iterator[int]:
    return iter(range(0, across * each, lying.piece[0] * each))


def _as_grey(data: bytes, lying: Layout, number: int, *, width: int) -> bytes:
    """Return the file with a directory that names the pieces of one plane and calls them 8-bit grey."""
    found, each = lying.found, lying.kind.itemsize * lying.together
    tiled = tiff.TILE_OFFSETS in found.entries
    tags = (tiff.TILE_OFFSETS, tiff.TILE_BYTES) if tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_BYTES)
    many = math.ceil(width / each / lying.piece[0]) * math.ceil(lying.size[1] / lying.piece[1])
    own = slice(number * many, (number + 1) * many)
    lists = {tag: tiff.longs(int(value) for value in found.values(tag)[own]) for tag in tags if found.values(tag)}
    plain = {tiff.WIDTH: width, tiff.HEIGHT: lying.size[1], tiff.BITS: 8, tiff.SAMPLES: 1}
    plain |= {tiff.COMPRESSION: found.whole(tiff.COMPRESSION, 1), tiff.PHOTOMETRIC: BLACK_IS_ZERO}
    if tiled:
        plain |= {tiff.TILE_WIDTH: lying.piece[0] * each, tiff.TILE_HEIGHT: lying.piece[1]}
    else:
        plain[tiff.ROWS] = lying.piece[1]
    return tiff.rewritten(data, found.order, lists | {tag: tiff.longs([value]) for tag, value in plain.items()})


def _unpredicted(rows: NDArray[np.uint8], lying: Layout) -> NDArray[Any]:
    """Samples (H, W, together) from the bytes of pieces below each other (TIFF 6.0, section 14; Adobe's TechNote 3)."""
    high, count = len(rows), lying.together
    if lying.predictor == FLOATING:
        size = lying.kind.itemsize
        summed = np.cumsum(rows.reshape(high, -1, count), axis=1, dtype=np.uint8).reshape(high, size, -1)
        # The highest byte of all samples comes first, whatever the order of the file.
        ordered = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(lying.kind.newbyteorder(">"))
        return ordered.reshape(high, -1, count).astype(lying.kind.newbyteorder("="))
    samples = np.ascontiguousarray(rows).view(lying.kind).reshape(high, -1, count)
    samples = samples.astype(lying.kind.newbyteorder("="), copy=False)
    if lying.predictor == HORIZONTAL:
        return np.cumsum(samples, axis=1, dtype=samples.dtype)
    return samples


def _depth(lying: Layout) -> Depth:
    """What the tags say of the range of the samples."""
    found = lying.found
    lows = found.values(tiff.SIGNED_MIN) or found.values(tiff.MIN_VALUE)
    tops = found.values(tiff.SIGNED_MAX) or found.values(tiff.MAX_VALUE)
    return Depth(
        bottom=float(min(lows, default=0)),
        top=float(max(tops)) if tops else None,
        empty=_empty(found.bytes(tiff.GDAL_NODATA)),
        white_is_zero=lying.photometric == WHITE_IS_ZERO,
    )


def _empty(text: bytes) -> float | None:
    """The value that stands for no data, which GDAL writes as text."""
    try:
        return float(text.rstrip(b"\0 "))
    except ValueError:
        return None


def _with_alpha(image: Image.Image, samples: NDArray[Any], lying: Layout) -> Image.Image:
    if not {ASSOCIATED, UNASSOCIATED} & set(lying.extra) or image.mode == "CMYK":
        return image
    at = lying.colours + next(n for n, kind in enumerate(lying.extra) if kind in {ASSOCIATED, UNASSOCIATED})
    if at >= lying.samples:
        return image
    most = 1.0 if lying.kind.kind == "f" else float(np.iinfo(lying.kind).max)
    opacity = np.clip(samples[:, :, at].astype(np.float32) * (255 / most), 0, 255)
    rgba = image.convert("RGBA")
    rgba.putalpha(Image.fromarray(np.rint(opacity).astype(np.uint8)))
    if lying.extra[at - lying.colours] != ASSOCIATED:
        return rgba
    return Image.frombytes("RGBa", rgba.size, rgba.tobytes()).convert("RGBA")
