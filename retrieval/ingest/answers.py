"""What a child answers, held to what it was asked for: a decoder that was taken over may answer anything.

Nothing is decoded here. A thumbnail is a plain JPEG from its first byte to its last, of the size that the picture's
size gives, with nothing in it but tables and pixels.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise

from retrieval.ingest import wire
from retrieval.ingest.facts import NOTHING
from retrieval.ingest.picture import DIVISIBLE, FORMATS, VIDEOS, Decoded, DecodeRequest, divisor_within
from retrieval.ingest.sniff import SENTENCES

# A decoder may refuse a picture for these reasons; all others are the site's own to give.
REFUSALS: Mapping[str, frozenset[str]] = {
    "too_large": frozenset({"image_too_large", "picture_too_slow", "too_many_pages"}),
    "unsupported": frozenset({"picture_damaged", *SENTENCES}),
}
MOST_MESSAGE = 300
PDQ_BYTES = SUBJECT_BYTES = 32
MOST_PLACEHOLDER, PLACEHOLDER_SIDE = 1_000, 16
PLACEHOLDER = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/]+={0,2})")
# Rounding on the way from the original's size to a smaller one, in pixels.
ROUNDING = 2
HEADERS = 4_096
START, END = b"\xff\xd8", b"\xff\xd9"
JFIF, TABLES, QUANTIZATION, FRAME, SCAN = 0xE0, 0xC4, 0xDB, 0xC0, 0xDA
# Within the pixels of a scan 0xff is followed by zero; anything else would begin something new.
MARKER = re.compile(rb"\xff[^\x00]", re.DOTALL)


class LieError(wire.BrokenError):
    """The answer cannot be one to this request."""


def read(message: wire.Message, request: DecodeRequest) -> Decoded:
    """Return the decoded picture; raises the refusal that the message carries, or BrokenError."""
    header = message.header
    if "refusal" in header:
        _check_refusal(*(str(header.get(name)) for name in ("refusal", "code", "message")))
    decoded = wire.read_answer(message)
    check(decoded, request)
    return decoded


def _check_refusal(kind: str, code: str, sentence: str) -> None:
    _require(code in REFUSALS.get(kind, ()), "refusal for another reason")
    _require(0 < len(sentence) <= MOST_MESSAGE and sentence.isprintable(), "refusal without a sentence")


def check(decoded: Decoded, request: DecodeRequest) -> None:
    """Raise LieError unless this can be an answer to ``request``."""
    _require(decoded.format in FORMATS, "unknown format")
    width, height, limits = decoded.width, decoded.height, request.limits
    _require(0 < width <= limits.side and 0 < height <= limits.side, "size out of bounds")
    most = max(limits.pixels, limits.jpeg_pixels) if decoded.format in DIVISIBLE else limits.pixels
    _require(width * height <= most, "more pixels than allowed")
    _require(request.part.page <= decoded.pages <= limits.pages, "another number of pages than can be")
    _check_scenes(decoded, request)
    _require(len(decoded.subject) in {0, SUBJECT_BYTES}, "whose it is, of a wrong length")
    _check_pixels(decoded, request)
    _check_full(decoded, request)
    if not request.thumbnail_sizes:
        _require(
            not (decoded.thumbnails or decoded.placeholder or decoded.pdq or decoded.facts != NOTHING),
            "more than was asked for",
        )
        return
    _require(set(decoded.thumbnails) == set(request.thumbnail_sizes), "other thumbnails than asked for")
    for side, data in decoded.thumbnails.items():
        _check_thumbnail(data, _smaller((width, height), side / max(width, height)))
    _require(len(decoded.pdq) in {0, PDQ_BYTES}, "fingerprint of a wrong length")
    _check_placeholder(decoded.placeholder)


def _check_scenes(decoded: Decoded, request: DecodeRequest) -> None:
    """Of a video the scene that was asked for, or when all of them begin."""
    asked, scenes = request.part.second, decoded.scenes
    if decoded.second is None:
        _require(asked is None and not scenes and decoded.format not in VIDEOS, "a video without its second")
        return
    _require(decoded.format in VIDEOS, "a second of what is no video")
    if asked is not None:
        _require((decoded.second, decoded.pages, scenes) == (asked, request.part.pages, ()), "another scene")
        return
    _require(len(scenes) == decoded.pages <= request.limits.video_scenes, "another number of scenes than can be")
    _require(scenes[0] == decoded.second >= 0 and math.isfinite(scenes[-1]), "scenes at no time")
    _require(all(one < other for one, other in pairwise(scenes)), "scenes out of order")


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise LieError(why)


def _check_pixels(decoded: Decoded, request: DecodeRequest) -> None:
    height, width = decoded.pixels.shape[:2]
    if not request.working_side:
        _require((height, width) == (0, 0), "pixels that nobody asked for")
        return
    original = decoded.width, decoded.height
    if request.region:
        left, top, right, bottom = request.region.box(original)
        original = right - left, bottom - top
    _require_size((width, height), _smaller(original, request.working_side / min(original)))


def _smaller(size: tuple[int, int], scale: float) -> tuple[float, float]:
    scale = min(1.0, scale)
    return size[0] * scale, size[1] * scale


def _require_size(found: tuple[int, int], wanted: tuple[float, float]) -> None:
    """A pixel more or less on the short side stretches the long one by as many as it is times longer."""
    most = ROUNDING * (1 + max(wanted) / max(1.0, min(wanted)))
    near = all(here > 0 and abs(here - there) <= most for here, there in zip(found, wanted, strict=True))
    _require(near and min(found) <= max(1, round(min(wanted))) + 1, "another size than the picture's")


def _check_thumbnail(data: bytes, wanted: tuple[float, float]) -> None:
    width, height = jpeg_size(data)
    near = max(width, height) == max(1, round(max(wanted)))
    near = near and all(abs(a - max(1.0, b)) <= ROUNDING for a, b in zip((width, height), wanted, strict=True))
    _require(near, "thumbnail of another size")
    _require(len(data) <= HEADERS + 4 * width * height, "thumbnail with more bytes than pixels")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of a plain JPEG: JFIF, tables, one baseline frame of three colours, one scan, end.

    Raises LieError for any other bytes, comments, metadata and what comes after the end among them. ITU T.81, annex B.
    """
    _require(data.startswith(START) and data.endswith(END), "no JPEG")
    sizes = []
    for marker, body, after in _segments(data):
        if marker == FRAME:
            depth, height, width, colours = struct.unpack_from(">BHHB", body) if len(body) == 15 else (0, 0, 0, 0)
            _require((depth, colours) == (8, 3) and width > 0 and height > 0, "frame of another kind")
            sizes.append((width, height))
        elif marker == SCAN:
            _require(len(sizes) == 1 and len(body) == 10 and body[0] == 3, "scan of another kind")
            next_marker = MARKER.search(data, after)
            _require(bool(next_marker and next_marker.start() == len(data) - len(END)), "more than one scan")
            return sizes[0]
        elif marker == JFIF:
            _require(body[:5] == b"JFIF\0" and len(body) == 14, "metadata")
        else:
            _require(marker in {TABLES, QUANTIZATION} and bool(body), "an unexpected part")
    raise LieError("no scan")


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Each part's marker, what is in it, and where it ends; stops at what is none."""
    at = len(START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        (length,) = struct.unpack_from(">H", data, at + 2)
        after = at + 2 + length
        _require(length >= 2 and after < len(data), "a part without end")
        yield data[at + 1], data[at + 4 : after], after
        at = after


def _check_full(decoded: Decoded, request: DecodeRequest) -> None:
    """The whole picture, where it was asked for: as large as it is, or a part of that where it has too many pixels."""
    if not request.full:
        _require(not decoded.full, "a picture that nobody asked for")
        return
    size, found = (decoded.width, decoded.height), jpeg_size(decoded.full)
    divisor = divisor_within(size, most=request.limits.pixels)
    wanted = _smaller(size, 1 / divisor)
    near = all(abs(here - max(1.0, there)) <= ROUNDING for here, there in zip(found, wanted, strict=True))
    _require(near, "full picture of another size")
    _require(len(decoded.full) <= HEADERS + 4 * found[0] * found[1], "full picture with more bytes than pixels")


def _check_placeholder(text: str) -> None:
    """A WebP of one lossy frame of at most 16 pixels: https://developers.google.com/speed/webp/docs/riff_container."""
    found = PLACEHOLDER.fullmatch(text) if len(text) <= MOST_PLACEHOLDER else None
    _require(found is not None, "placeholder of another kind")
    try:
        data = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error as error:
        raise LieError("placeholder unreadable") from error
    _require(len(data) >= 30 and data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8 ", "placeholder is no WebP")
    whole, frame, sides = struct.unpack_from("<I", data, 4)[0], *struct.unpack_from("<I6x", data, 16), data[26:30]
    _require(whole == len(data) - 8 and len(data) - 20 - frame in {0, 1}, "placeholder of a wrong length")
    _require(data[23:26] == b"\x9d\x01\x2a", "placeholder without a frame")
    _require(all(0 < side <= PLACEHOLDER_SIDE for side in struct.unpack("<HH", sides)), "placeholder too large")
