"""Turn untrusted bytes into an upright RGB picture; runs in the sandbox's child, with Pillow and numpy only."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest.colour import to_rgb
from retrieval.ingest.fingerprint import pdq
from retrieval.ingest.frames import count_frames
from retrieval.ingest.picture import FORMATS, Decoded, DecodeRequest, PictureLimits
from retrieval.ingest.structure import require_quick
from retrieval.ingest.thumbnails import encode, ladder, placeholder, to_short_side

# All that a picture can make Pillow load is loaded here: a child has no files once it may see the first picture.
LOADED = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    ImageCms,
)
Image.preinit()
# What Pillow raises on damaged files. Anything else ends the child, which the parent reports as a crash.
DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {5, 6, 7, 8}
# One thread per child: the pool gives the parallelism.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(data: bytes, request: DecodeRequest) -> Decoded:
    """Decode the first frame of one file.

    Raises TooLarge from header and structure alone, before any pixel is decoded, and UnsupportedPicture for what is no
    allowed picture or is damaged or cut off.
    """
    if len(data) > request.limits.bytes:
        raise too_large(f"The file has more than {request.limits.bytes // 2**20} MB.")
    require_quick(data)
    image = _opened(data, request.limits)
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    try:
        _check_header(image, data, request.limits)
        upright, size = _upright(image, request)
        return _answer(upright, request, kind=kind, size=size)
    except DAMAGE as error:
        raise UnsupportedPicture(f"The {kind} file is damaged or cut off.", code="picture_damaged") from error


def too_large(message: str) -> TooLarge:
    """Build the error for a picture beyond one of the limits."""
    return TooLarge(message, code="image_too_large")


def _opened(data: bytes, limits: PictureLimits) -> ImageFile.ImageFile:
    """Read the header. Pillow's own check comes first because it runs before its plugins make room for pixels."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(limits) from error
    except UnidentifiedImageError as error:
        message = "This is not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture, or its beginning is damaged."
        raise UnsupportedPicture(message, code="format_not_allowed") from error
    except DAMAGE as error:
        raise UnsupportedPicture("The file is damaged.", code="picture_damaged") from error


def _check_header(image: Image.Image, data: bytes, limits: PictureLimits) -> None:
    width, height = image.size
    if max(width, height) > limits.side:
        raise too_large(f"The picture is longer than {limits.side:,} pixels on one side.")
    frames = count_frames(image, data, most=limits.frames)
    if frames > limits.frames or width * height * frames > limits.pixels:
        raise _too_many_pixels(limits)


def _too_many_pixels(limits: PictureLimits) -> TooLarge:
    return too_large(f"The picture has more than {limits.pixels // 10**6} million pixels, all frames counted.")


def _upright(image: ImageFile.ImageFile, request: DecodeRequest) -> tuple[Image.Image, tuple[int, int]]:
    """Decode, bring to RGB and turn; returns the picture and the upright size of the original."""
    width, height = image.size
    scale = _scale_needed(image.size, request)
    if scale < 1:
        # Only JPEG can do this: it decodes at 1/2, 1/4 or 1/8, never below the size asked for.
        image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
    image.load()
    orientation = _orientation(image)
    picture = to_rgb(image)
    if orientation in TURNS:
        picture = picture.transpose(TURNS[orientation])
    return picture, (height, width) if orientation in SIDEWAYS else (width, height)


def _scale_needed(size: tuple[int, int], request: DecodeRequest) -> float:
    """Smallest scale at which neither the working picture nor a thumbnail loses detail."""
    part = min(request.region.w, request.region.h) if request.region else 1.0
    working = request.working_side / max(1.0, min(size) * part)
    return max(working, max(request.thumbnail_sizes, default=0) / max(size))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; a picture with damaged EXIF is taken as it is stored."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGE:
        return 1


def _answer(picture: Image.Image, request: DecodeRequest, *, kind: str, size: tuple[int, int]) -> Decoded:
    answer = Decoded(_pixels(picture, request), *size, kind)
    if not request.thumbnail_sizes:
        return answer
    pictures = ladder(picture, request.thumbnail_sizes)
    smallest = pictures[min(pictures)]
    return replace(
        answer,
        thumbnails={size: encode(small) for size, small in pictures.items()},
        placeholder=placeholder(smallest),
        pdq=pdq(smallest),
    )


def _pixels(picture: Image.Image, request: DecodeRequest) -> NDArray[np.uint8]:
    if not request.working_side:
        return np.empty((0, 0, 3), np.uint8)
    part = picture.crop(request.region.box(picture.size)) if request.region else picture
    return np.asarray(to_short_side(part, request.working_side))
