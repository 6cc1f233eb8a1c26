"""Open a picture's file: what it is and how large, from its header alone, and how to decode its first frame."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFile, ImagePalette, TiffImagePlugin, UnidentifiedImageError

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import dicom, heif, jpeg, jxl, pdf, png, raw, samples, sniff, tiff, video
from retrieval.ingest.colour import Raster
from retrieval.ingest.facts import Facts
from retrieval.ingest.picture import Part, PictureLimits
from retrieval.ingest.sniff import refusal
from retrieval.ingest.structure import require_quick

# What Pillow may parse; all else is refused or read by another reader.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
# What Pillow raises on damaged files. Anything else ends the child, which the parent reports as a crash.
DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
UPRIGHT, ORIENTATION = 1, 0x0112
EIGHT_BITS, SIXTEEN_BITS = 8, 16
Load = Callable[[int], Raster]


@dataclass(frozen=True, eq=False)
class Opened:
    """A file whose header was read. ``size``: width and height as stored; ``orientation``: 1..8, as EXIF has it.

    ``load`` decodes at the original's size divided by the given number, 1, 2, 4 or 8, where it is ``divisible``.
    ``held``: bytes of memory that this takes whatever the divisor. ``pages``: how many the file has; ``subject``: whose
    it is, a digest. ``look``, of a video, finds the scene that was asked for, or all of them when told so, and returns
    the picture with which it begins; ``second``, ``scenes`` and ``facts`` are known from then on.
    """

    kind: str
    size: tuple[int, int]
    orientation: int
    load: Load
    divisible: bool = False
    held: int = 0
    pages: int = 1
    subject: bytes = b""
    look: Callable[[bool], Opened] | None = None
    second: float | None = None
    scenes: tuple[float, ...] = ()
    facts: Facts | None = None


def opened(data: bytes, part: Part, *, limits: PictureLimits) -> Opened:
    """Read the header, of a document that of the page; pages are counted to one more than the limit.

    Raises UnsupportedPicture for what is no picture that is read here, and what Pillow raises.
    """
    if pdf.pdfium and data.startswith(pdf.BEGINNING):
        return _pdf(data, part.page)
    if dicom.pydicom and dicom.is_dicom(data):
        return _dicom(data, part.page)
    if tiff.is_tiff(data) and not raw.is_raw(data):
        return _page_of_tiff(data, part.page, most_pages=limits.pages)
    if video.av and sniff.is_video(data):
        return _video(data, part, limits)
    if part.page != 1:
        raise IndexError("no such page")
    return _picture(data)


def _pdf(data: bytes, page: int) -> Opened:
    found = pdf.Page(data, page)
    return Opened("PDF", found.size, UPRIGHT, found.raster, divisible=True, pages=found.pages)


def _dicom(data: bytes, page: int) -> Opened:
    found = dicom.Frame(data, page)
    return Opened("DICOM", found.size, UPRIGHT, lambda _: found.raster(), pages=found.pages, subject=found.subject)


def _video(data: bytes, part: Part, limits: PictureLimits) -> Opened:
    film = video.Film(data)

    def look(every: bool) -> Opened:
        found = film.scene(part, limits=limits, every=every)
        return Opened(
            film.kind, found.size, found.orientation, lambda _: found.raster,
            pages=found.pages, second=found.second, scenes=found.scenes, facts=found.facts,
        )  # fmt: skip

    return Opened(film.kind, film.size, UPRIGHT, lambda _: look(False).load(1), look=look)


def _page_of_tiff(data: bytes, page: int, *, most_pages: int) -> Opened:
    places = tiff.pages(data, most=most_pages)
    if page > 1:
        data = tiff.turned_to(data, places[page - 1])
        require_quick(data)
    return replace(_tiff(data), pages=max(1, len(places)))


def _picture(data: bytes) -> Opened:
    if data.startswith(png.SIGNATURE):
        return _png(data)
    if raw.is_raw(data):
        return _raw(data)
    if heif.pi_heif and heif.is_heif(data):
        picture = heif.Picture(data)
        return Opened("HEIF", picture.size, UPRIGHT, lambda _: picture.raster())
    if jxl.codec and jxl.is_jxl(data):
        return Opened("JXL", jxl.size(data), UPRIGHT, lambda _: jxl.raster(data))
    image = _pillow(data)
    if image.format in {"JPEG", "MPO"}:
        return _jpeg("JPEG", data, image)
    return Opened(str(image.format), image.size, _orientation(image), lambda _: _raster(image))


def _jpeg(kind: str, data: bytes, image: Image.Image) -> Opened:
    load, held = jpeg.loader(data, image), jpeg.held_bytes(image)
    return Opened(kind, image.size, _orientation(image), load, divisible=True, held=held)


def _raw(data: bytes) -> Opened:
    found = raw.preview(data)
    if not found:
        raise refusal(data, code="raw_not_read")
    opened = _jpeg("RAW", found, raw.opened(found))
    return opened if opened.orientation != UPRIGHT else replace(opened, orientation=raw.orientation(data))


def _pillow(data: bytes) -> ImageFile.ImageFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise refusal(data) from error


def _raster(image: ImageFile.ImageFile) -> Raster:
    image.load()
    if image.format == "GIF":
        return Raster(_uncovered(image))
    return Raster(image, image.info.get("icc_profile") or b"")


def _orientation(image: Image.Image) -> int:
    return _turned(image.info.get("exif"))


def _turned(exif: bytes | None) -> int:
    """The EXIF orientation; a picture with damaged EXIF is taken as stored. XMP does not count: no browser asks it."""
    if not exif:
        return UPRIGHT
    try:
        found = Image.Exif()
        found.load(exif)
        return int(found.get(ORIENTATION, UPRIGHT))
    except DAMAGE:
        return UPRIGHT


def _uncovered(image: ImageFile.ImageFile) -> Image.Image:
    """A GIF whose first frame leaves some of its canvas uncovered is transparent there."""
    box = getattr(image, "dispose_extent", None) or (0, 0, *image.size)
    if box == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(box), box)
    return canvas


def _png(data: bytes) -> Opened:
    read = png.read(data)
    image = _pillow(read.data)

    def load(_: int) -> Raster:
        image.load()
        return Raster(_with_deep_transparency(image, read.data), read.profile, read.depth)

    return Opened("PNG", image.size, _turned(read.exif), load)


def _with_deep_transparency(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """One transparent colour among those of 16 bits: Pillow keeps the upper 8, the lower ones are read again."""
    colour = image.info.get("transparency")
    if image.mode != "RGB" or data[24] != SIXTEEN_BITS or colour is None:
        return image
    again = _pillow(data)
    again.tile = [again.tile[0]._replace(args="RGB;16L")]
    again.load()
    upper, lower = np.asarray(image).astype(np.uint16), np.asarray(again)
    opacity = np.where((upper << 8 | lower) == np.array(colour), 0, 255).max(axis=2)
    image.info.pop("transparency")
    rgba = image.convert("RGBA")
    rgba.putalpha(Image.fromarray(opacity.astype(np.uint8)))
    return rgba


def _tiff(data: bytes) -> Opened:
    found = tiff.directory(data)
    if max(found.values(tiff.BITS), default=1) > EIGHT_BITS:
        try:
            return _sampled(data, found)
        except samples.UnknownKindError:
            pass
    try:
        return _by_pillow(data, found)
    except UnsupportedPicture as error:
        try:
            return _sampled(data, found)
        except samples.UnknownKindError:
            raise error from None


def _sampled(data: bytes, found: tiff.Directory) -> Opened:
    lying = samples.layout(found)
    orientation = found.whole(tiff.ORIENTATION, UPRIGHT)

    def load(_: int) -> Raster:
        return Raster(samples.picture(data, lying), found.bytes(tiff.PROFILE))

    return Opened("TIFF", lying.size, orientation, load)


def _by_pillow(data: bytes, found: tiff.Directory) -> Opened:
    """Pillow turns a TIFF upright by itself, so XMP is taken from it."""
    image = _pillow(tiff.classic(data) if found.big else data)
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        raise refusal(data)
    image.info.pop("xmp", None)
    colours = [int(value) for value in found.values(tiff.COLOUR_MAP)]
    if image.mode == "P" and colours and max(colours) <= 255:
        # The standard has 16 bits for each; some scanners write 8.
        image.palette = ImagePalette.raw("RGB;L", bytes(colours))
    return Opened("TIFF", image.size, UPRIGHT, lambda _: _raster(image))
