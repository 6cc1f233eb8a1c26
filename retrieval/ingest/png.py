"""A PNG's chunks: what its picture is made of, and what is said beside it, of which nothing is needed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.ingest.deep import PLAIN, Depth
from retrieval.ingest.profiles import SRGB_PRIMARIES, SRGB_WHITE, Pair, matrix_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE = {b"PLTE", b"tRNS", b"IDAT", b"IEND"}
SIDE = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"eXIf"}
MOST_SIDE, MOST_PROFILE = 4 * 1024 * 1024, 8 * 1024 * 1024
GREY = 0
# A gamma so near to that of sRGB (which is no power) is taken for it, as libpng does.
SRGB_GAMMA, NEAR = 0.45455, 0.05
GAMMAS = (0.05, 20.0)
# Code points of ITU-T H.273: primaries as x and y, and the curves that are powers, or near enough to that of sRGB.
CODED_WHITE: Pair = (0.3127, 0.3290)
CODED_PRIMARIES: dict[int, tuple[Pair, Pair, Pair]] = {
    1: SRGB_PRIMARIES,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
CODED_GAMMAS = {1: SRGB_GAMMA, 4: 1 / 2.2, 5: 1 / 2.8, 6: SRGB_GAMMA, 8: 1.0, 13: SRGB_GAMMA, 14: SRGB_GAMMA}


@dataclass(frozen=True)
class Png:
    """The file with nothing but its first picture in it, and what counts of the rest.

    ``profile``: the ICC profile of its colours, given or made of what the file says of them; empty for sRGB.
    """

    data: bytes
    profile: bytes = b""
    exif: bytes = b""
    depth: Depth = PLAIN


def read(data: bytes) -> Png:
    """Take a PNG apart (PNG, third edition, sections 5 and 11).

    A chunk beside the picture that is cut off, too large or has a wrong checksum is left out, as browsers do; so are
    the frames of an animation but the first picture.
    """
    kept, side = [SIGNATURE], dict[bytes, bytes]()
    for kind, start, length in _chunks(data):
        whole = data[start : start + 12 + length]
        body = whole[8 : 8 + length]
        if (kind == b"IHDR" and len(kept) == 1) or kind in PICTURE - {b"tRNS"}:
            kept.append(whole)
        elif kind in SIDE | {b"tRNS"} and length <= MOST_SIDE and _is_sound(whole, length):
            side.setdefault(kind, body)
            if kind == b"tRNS":
                kept.append(_as_pillow_has_it(whole, data))
    return Png(b"".join(kept), _profile(side), side.get(b"eXIf", b""), _depth(side))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place and length; the last one may be cut off."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, length
        if kind == b"IEND":
            return
        at += 12 + length


def _as_pillow_has_it(transparency: bytes, data: bytes) -> bytes:
    """Grey of 2 and 4 bits is shown scaled to 8, and so is the one grey that is transparent."""
    bits, colour = data[24:26]
    if colour != GREY or bits not in {2, 4} or len(transparency) != 14:
        return transparency
    most = 2**bits - 1
    named = b"tRNS" + struct.pack(">H", (transparency[9] & most) * 255 // most)
    return struct.pack(">I", 2) + named + struct.pack(">I", zlib.crc32(named))


def _is_sound(chunk: bytes, length: int) -> bool:
    return len(chunk) == 12 + length and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _profile(side: dict[bytes, bytes]) -> bytes:
    """What says most of the colours wins: cICP, iCCP, sRGB, then gAMA with cHRM (section 4.3)."""
    if found := _coded(side.get(b"cICP", b"")):
        return found
    if found := _unpacked(side.get(b"iCCP", b"")):
        return found
    if b"sRGB" in side or len(side.get(b"gAMA", b"")) != 4:
        return b""
    gamma = int.from_bytes(side[b"gAMA"]) / 100_000
    points = struct.unpack(">8I", side[b"cHRM"]) if len(side.get(b"cHRM", b"")) == 32 else ()
    pairs = [(x / 100_000, y / 100_000) for x, y in zip(points[::2], points[1::2], strict=True)]
    white, *primaries = pairs or (SRGB_WHITE, *SRGB_PRIMARIES)
    return _made(gamma, white, (primaries[0], primaries[1], primaries[2]))


def _coded(body: bytes) -> bytes:
    """The profile of a full-range RGB code; empty for what is no code or needs more than a power (HLG, PQ)."""
    if len(body) != 4 or body[2:] != b"\0\1" or body[0] not in CODED_PRIMARIES or body[1] not in CODED_GAMMAS:
        return b""
    return _made(CODED_GAMMAS[body[1]], CODED_WHITE, CODED_PRIMARIES[body[0]])


def _made(gamma: float, white: Pair, primaries: tuple[Pair, Pair, Pair]) -> bytes:
    colours = [white, *primaries]
    usual = all(
        abs(a - b) < 0.002
        for pair, own in zip(colours, (SRGB_WHITE, *SRGB_PRIMARIES), strict=True)
        for a, b in zip(pair, own, strict=True)
    )
    near = abs(gamma / SRGB_GAMMA - 1) <= NEAR
    if (near and usual) or not GAMMAS[0] <= gamma <= GAMMAS[1]:
        return b""
    try:
        return matrix_profile(gamma, white=white, primaries=primaries)
    except ValueError:
        return matrix_profile(gamma)


def _unpacked(body: bytes) -> bytes:
    """The profile of an iCCP chunk: a name, a zero, the method 0, and the packed profile."""
    _, _, packed = body.partition(b"\0")
    if packed[:1] != b"\0":
        return b""
    try:
        return zlib.decompressobj().decompress(packed[1:], MOST_PROFILE)
    except zlib.error:
        return b""


def _depth(side: dict[bytes, bytes]) -> Depth:
    """Grey of 16 bits of which fewer count (sBIT) may have been written without scaling."""
    bits = side.get(b"sBIT", b"")
    return Depth(top=float(2 ** bits[0] - 1)) if len(bits) == 1 and 0 < bits[0] < 16 else PLAIN
