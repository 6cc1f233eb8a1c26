"""Read what a file says of itself: EXIF, IPTC and XMP; in the sandbox's child, with Pillow only.

Where they disagree, as the Metadata Working Group has it (Guidelines for Handling Image Metadata 2.0, 2010): EXIF tells
when, where and by what; XMP, and then IPTC, tells in which words. Damage in one of them says nothing of the others.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from retrieval.ingest import facts
from retrieval.ingest.facts import Facts
from retrieval.ingest.reading import DAMAGE

UNREADABLE = (*DAMAGE, Image.DecompressionBombError)
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
BASE, PHOTO, GPS = ExifTags.Base, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
DATE = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
OFFSET = re.compile(r"[+-]\d\d:\d\d", re.ASCII)
MOST_XMP = 512 * 1024
RDF, DC = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/elements/1.1/}"
# Record and data set of IPTC-IIM 4.2.
IPTC_TITLE, IPTC_CAPTION, IPTC_KEYWORDS = (2, 5), (2, 120), (2, 25)


def read(data: bytes) -> Facts:
    """Return what is said; nothing where nothing can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            exif = image.getexif()
    except UNREADABLE:
        return facts.NOTHING
    taken_at = camera = ""
    place = None
    with suppress(*UNREADABLE):
        taken_at = _taken_at(exif)
    with suppress(*UNREADABLE):
        camera = _camera(exif)
    with suppress(*UNREADABLE):
        place = _place(exif.get_ifd(GPS))
    title, caption, keywords = _words(image)
    return facts.bounded(Facts(taken_at, camera, place, title, caption, keywords))


def _taken_at(exif: Image.Exif) -> str:
    """When the picture was taken, else when it was digitised; a camera whose clock was never set says nothing."""
    photo = exif.get_ifd(PHOTO)
    pairs = ((BASE.DateTimeOriginal, BASE.OffsetTimeOriginal), (BASE.DateTimeDigitized, BASE.OffsetTimeDigitized))
    for moment, offset in pairs:
        found = DATE.match(str(photo.get(moment, "")))
        if found and found[1] != "0000":
            zone = str(photo.get(offset, "")).strip()
            local = datetime(*(int(number) for number in found.groups())).isoformat()  # type: ignore[arg-type]
            return datetime.fromisoformat(local + (zone if OFFSET.fullmatch(zone) else "")).isoformat()
    return ""


def _camera(exif: Image.Exif) -> str:
    return facts.camera(*(str(exif.get(tag, "")).replace("\0", "") for tag in (BASE.Make, BASE.Model)))


def _place(gps: dict[int, Any]) -> tuple[float, float] | None:
    """Degrees north and east of what the file has as degrees, minutes and seconds; none for the place 0, 0."""
    if ExifTags.GPS.GPSLatitude not in gps or ExifTags.GPS.GPSLongitude not in gps:
        return None
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude]) * (-1 if gps.get(ExifTags.GPS.GPSLatitudeRef) == "S" else 1)
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude]) * (-1 if gps.get(ExifTags.GPS.GPSLongitudeRef) == "W" else 1)
    return (latitude, longitude) if (latitude, longitude) != (0, 0) else None


def _degrees(parts: Iterable[Any]) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return round(degrees + minutes / 60 + seconds / 3600, 7)


def _words(image: ImageFile.ImageFile) -> tuple[str, str, tuple[str, ...]]:
    title = caption = ""
    keywords: tuple[str, ...] = ()
    with suppress(*UNREADABLE):
        title, caption, keywords = _iptc(image)
    with suppress(*UNREADABLE):
        said = _xmp(image)
        title, caption, keywords = said[0] or title, said[1] or caption, said[2] or keywords
    words = dict.fromkeys(facts.cleaned(word, most=facts.MOST_KEYWORD) for word in keywords)
    return (
        facts.cleaned(title.replace("\n", " "), most=facts.MOST_TITLE),
        facts.cleaned(caption, most=facts.MOST_CAPTION),
        tuple(word for word in words if word)[: facts.MOST_KEYWORDS],
    )


def _iptc(image: ImageFile.ImageFile) -> tuple[str, str, tuple[str, ...]]:
    said: dict[Any, Any] = IptcImagePlugin.getiptcinfo(image) or {}
    found = said.get(IPTC_KEYWORDS, [])
    keywords = found if isinstance(found, list) else [found]
    return _text(said.get(IPTC_TITLE)), _text(said.get(IPTC_CAPTION)), tuple(map(_text, keywords))


def _text(value: Any) -> str:
    """IPTC as UTF-8, which nearly everybody writes, else as Latin 1."""
    raw = value if isinstance(value, bytes) else b""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _xmp(image: Image.Image) -> tuple[str, str, tuple[str, ...]]:
    """The first title and description, and all subjects. A text that declares anything is not parsed (entities)."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    raw = raw.encode() if isinstance(raw, str) else raw
    if not raw or len(raw) > MOST_XMP or b"<!" in raw:
        return "", "", ()
    root = ElementTree.fromstring(raw.rstrip(b"\0"))
    title, caption = (_first(root, f"{DC}{name}") for name in ("title", "description"))
    subjects = [each.text or "" for subject in root.iter(f"{DC}subject") for each in subject.iter(f"{RDF}li")]
    return title, caption, tuple(subjects)


def _first(root: ElementTree.Element, name: str) -> str:
    return next((each.text for found in root.iter(name) for each in found.iter(f"{RDF}li") if each.text), "")
