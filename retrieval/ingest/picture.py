"""What crosses the border of the sandbox: the request, its limits, and the decoded picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.ingest.facts import NOTHING, Facts

VIDEOS = ("MP4", "MOV", "WEBM", "MKV", "AVI", "MPEG", "MPEGTS")
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "HEIF", "RAW", "PDF", "DICOM", "JXL", *VIDEOS,
)  # fmt: skip
DIVISIBLE = ("JPEG", "RAW", "PDF")
"""What is decoded at a part of its size when it is large."""
DIVISORS = (1, 2, 4, 8)


@dataclass(frozen=True)
class PictureLimits:
    """What one file may hold: bytes, pixels, pixels of a JPEG (which is decoded at a part of its size when it is
    large), pixels along one side, pages of a document, and of a video bytes, looks at it and scenes. Of an animation
    one frame is read, whatever their number.
    """

    bytes: int = 25 * 1024 * 1024
    pixels: int = 50_000_000
    jpeg_pixels: int = 200_000_000
    side: int = 20_000
    pages: int = 500
    video_bytes: int = 100 * 1024 * 1024
    video_looks: int = 600
    video_scenes: int = 200


@dataclass(frozen=True)
class Region:
    """A part of the upright picture, in fractions of its width and height from the top left corner."""

    x: float
    y: float
    w: float
    h: float

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the pixel box (left, top, right, bottom) in a picture of this size: at least one pixel, inside it."""
        left, right = _span(self.x, self.w, size[0])
        top, bottom = _span(self.y, self.h, size[1])
        return left, top, right, bottom


def _span(start: float, length: float, pixels: int) -> tuple[int, int]:
    first = max(0, min(math.floor(start * pixels), pixels - 1))
    return first, max(first + 1, min(math.ceil((start + length) * pixels), pixels))


class OfFile(Protocol):
    """A picture as a row has it: which page of how many, and of a scene when it begins."""

    page: int
    pages: int
    second: float | None


@dataclass(frozen=True)
class Part:
    """Which picture of a file: the page of a document (the first is 1), or the scene that begins at this second.

    A video without a second is looked through for its scenes.
    """

    page: int = 1
    pages: int = 1
    second: float | None = None

    @classmethod
    def of(cls, image: OfFile) -> Part:
        """The part that a row is."""
        return cls(image.page, image.pages, image.second)


FIRST = Part()


@dataclass(frozen=True)
class DecodeRequest:
    """What is wanted of a file: pixels with their short side at most ``working_side`` (0: none), and thumbnails.

    An upload wants thumbnails without pixels, a query or a worker pixels without thumbnails; who looks at a picture
    wants it ``full``: one JPEG, as large as the picture is where the limits let it be.
    """

    working_side: int = 0
    thumbnail_sizes: tuple[int, ...] = ()
    region: Region | None = None
    limits: PictureLimits = field(default_factory=PictureLimits)
    part: Part = FIRST
    full: bool = False


def divisor_within(size: tuple[int, int], *, most: int, least: int = 1) -> int:
    """The smallest divisor from ``least`` on that leaves at most so many pixels of a picture, or the largest of all."""
    return next((n for n in DIVISORS if n >= least and size[0] * size[1] <= most * n * n), DIVISORS[-1])


@dataclass(frozen=True, eq=False)
class Decoded:
    """An upright picture.

    ``width`` and ``height`` are those of the upright original. ``pixels``: uint8 (H, W, 3), (0, 0, 3) when not asked
    for. ``thumbnails``: long side -> JPEG bytes without metadata. ``pdq``: 32 bytes, empty when there is too little in
    the picture. ``placeholder``: a ``data:`` address. ``facts``: what the file says of itself. These four are empty
    when no thumbnails were asked for. ``pages``: how many the file has. ``subject``: 32 bytes that tell the patient of
    a medical picture from others. ``second``: when a scene begins; ``scenes``: when all of them do, if looked for.
    ``full``: the whole picture as JPEG bytes without metadata, empty when not asked for.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    placeholder: str = ""
    pdq: bytes = b""
    pages: int = 1
    subject: bytes = b""
    second: float | None = None
    scenes: tuple[float, ...] = ()
    facts: Facts = NOTHING
    full: bytes = b""
