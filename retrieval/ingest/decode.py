"""Turn untrusted bytes into an upright RGB picture; runs in the sandbox's child, with Pillow and numpy only."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import deep, metadata, profiles, reading, sniff
from retrieval.ingest.colour import to_rgb
from retrieval.ingest.fingerprint import pdq
from retrieval.ingest.picture import DIVISORS, Decoded, DecodeRequest, PictureLimits, divisor_within
from retrieval.ingest.reading import DAMAGE, Opened
from retrieval.ingest.structure import require_quick
from retrieval.ingest.thumbnails import encode, encode_full, ladder, placeholder, scaled, to_short_side

# All that a picture can make Pillow load is loaded here: a child has no files once it may see the first picture.
LOADED = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    ImageCms,
)
Image.preinit()
# So is what numpy loads when it is first used.
USED = (deep.to_bytes(np.arange(4.0).reshape(2, 2)), profiles.matrix_profile(1.0))
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
JPEG = b"\xff\xd8\xff"
# Of the memory that a child has (retrieval.conf), what a progressive JPEG may fill with its coefficients.
MOST_HELD = 768 * 1024 * 1024
# One thread per child: the pool gives the parallelism.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(data: bytes, request: DecodeRequest) -> Decoded:
    """Decode the first frame of one file, of one page of a document, or of a scene.

    Raises TooLarge from header and structure alone, before any pixel is decoded, and UnsupportedPicture for what is no
    allowed picture or is damaged or cut off.
    """
    most = request.limits.bytes
    if len(data) > most and sniff.is_video(data):
        most = request.limits.video_bytes
    if len(data) > most:
        raise too_large(f"The file has more than {most // 2**20} MB.")
    require_quick(data)
    opened = _opened(data, request)
    try:
        _check_header(opened, request.limits)
        if opened.look:
            opened = opened.look(bool(request.thumbnail_sizes))
            _check_header(opened, request.limits)
        answer = _answer(_upright(opened, request), request, opened=opened)
    except DAMAGE as error:
        message = f"The {opened.kind} file is damaged or cut off."
        raise UnsupportedPicture(message, code="picture_damaged") from error
    return replace(answer, facts=opened.facts or metadata.read(data)) if request.thumbnail_sizes else answer


def too_large(message: str) -> TooLarge:
    """Build the error for a picture beyond one of the limits."""
    return TooLarge(message, code="image_too_large")


def _opened(data: bytes, request: DecodeRequest) -> Opened:
    """Read the header. Pillow's own check comes first because it runs before its plugins make room for pixels."""
    limits = request.limits
    Image.MAX_IMAGE_PIXELS = max(limits.pixels, limits.jpeg_pixels if data.startswith(JPEG) else 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reading.opened(data, request.part, limits=limits)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(limits.pixels) from error
    except DAMAGE as error:
        raise UnsupportedPicture("The file is damaged.", code="picture_damaged") from error


def _check_header(opened: Opened, limits: PictureLimits) -> None:
    width, height = opened.size
    if opened.pages > limits.pages:
        raise TooLarge(f"The document has more than {limits.pages} pages.", code="too_many_pages")
    if max(width, height) > limits.side:
        raise too_large(f"The picture is longer than {limits.side:,} pixels on one side.")
    most = max(limits.pixels, limits.jpeg_pixels) if opened.divisible else limits.pixels
    if width * height > most:
        raise _too_many_pixels(most)
    if opened.held > MOST_HELD:
        raise too_large("The picture is a progressive JPEG of more pixels than fit into memory.")


def _too_many_pixels(most: int) -> TooLarge:
    return too_large(f"The picture has more than {most // 10**6} million pixels.")


def _upright(opened: Opened, request: DecodeRequest) -> Image.Image:
    """Decode, bring to RGB and turn."""
    scale = _scale_needed(opened.size, request)
    raster = opened.load(_divisor(opened.size, scale, most=request.limits.pixels))
    wanted = scale * max(opened.size) / max(raster.image.size)
    picture = to_rgb(raster, lambda image: scaled(image, wanted))
    return picture.transpose(TURNS[opened.orientation]) if opened.orientation in TURNS else picture


def _scale_needed(size: tuple[int, int], request: DecodeRequest) -> float:
    """Smallest scale at which neither the working picture nor a thumbnail loses detail; 1 for the full picture."""
    if request.full:
        return 1.0
    part = min(request.region.w, request.region.h) if request.region else 1.0
    working = request.working_side / max(1.0, min(size) * part)
    return max(working, max(request.thumbnail_sizes, default=0) / max(size))


def _divisor(size: tuple[int, int], scale: float, *, most: int) -> int:
    """The largest of 1, 2, 4 and 8 that leaves enough of the picture; a larger one where it leaves too much."""
    enough = max(divisor for divisor in DIVISORS if divisor * scale <= 1 or divisor == 1)
    return divisor_within(size, most=most, least=enough)


def _answer(picture: Image.Image, request: DecodeRequest, *, opened: Opened) -> Decoded:
    width, height = opened.size[::-1] if opened.orientation in SIDEWAYS else opened.size
    answer = Decoded(
        _pixels(picture, request), width, height, opened.kind,
        pages=opened.pages, subject=opened.subject, second=opened.second, scenes=opened.scenes,
        full=encode_full(picture) if request.full else b"",
    )  # fmt: skip
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
