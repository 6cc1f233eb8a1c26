"""Decode a JPEG at a part of its size, and one that lacks nothing but its end."""

from __future__ import annotations

import io
import math
import random
import re
import struct
from collections.abc import Callable

from PIL import Image, JpegImagePlugin

from retrieval.ingest import structure
from retrieval.ingest.colour import Raster

END = b"\xff\xd9"
# Anything at all that is no marker: what is decoded from it shows where pixels were missing.
FILLINGS = [random.Random(seed).randbytes(8_192).replace(b"\xff", b"\x5a") for seed in range(3)]
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
RESTART_INTERVAL = 0xFFDD
BYTES_PER_COEFFICIENT = 2
COEFFICIENTS = 64


def loader(data: bytes, image: Image.Image) -> Callable[[int], Raster]:
    """Return what decodes the picture at its size divided by 1, 2, 4 or 8."""

    def load(divisor: int) -> Raster:
        try:
            loaded = _divided(image, divisor)
        except OSError:
            loaded = _completed(data, divisor)
        return Raster(loaded, image.info.get("icc_profile") or b"")

    return load


def held_bytes(image: Image.Image) -> int:
    """The memory that decoding takes whatever the divisor: a progressive JPEG is kept as coefficients (T.81, G)."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if not image.info.get("progressive") or not layers:
        return 0
    most = max(across for _, across, _, _ in layers) * max(down for _, _, down, _ in layers)
    shares = sum(across * down for _, across, down, _ in layers) / most
    return round(image.width * image.height * shares * BYTES_PER_COEFFICIENT)


def _divided(image: Image.Image, divisor: int) -> Image.Image:
    if divisor > 1:
        image.draft(None, (max(1, image.width // divisor), max(1, image.height // divisor)))
    image.load()
    return image


def _completed(data: bytes, divisor: int) -> Image.Image:
    """Decode a file without its end marker. Raises OSError unless all its pixels are there.

    Where they are, it does not matter what follows them; where some are missing, these become other ones.
    """
    data = data.rstrip(b"\xff")
    opened = _opened(data)
    if _is_coarse(data, opened) or _lacks_restarts(data, opened):
        raise OSError("parts of the picture are missing")
    first = _divided(_opened(data + END), divisor)
    for filling in FILLINGS:
        if _divided(_opened(data + filling + END), divisor).tobytes() != first.tobytes():
            raise OSError("the picture is cut off")
    return first


def _lacks_restarts(data: bytes, image: Image.Image) -> bool:
    """Whether a picture in parts ends before the last of them begins; where that cannot be told here, it may."""
    *parts, (first, _) = structure.segments(data)
    intervals = [struct.unpack_from(">H", data, at + 4)[0] for at, marker in parts if marker == RESTART_INTERVAL]
    if not intervals or not intervals[-1]:
        return False
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if image.info.get("progressive") or len(layers) != data[first + 4]:
        return True
    across, down = (8 * max(layer[axis] for layer in layers) if len(layers) > 1 else 8 for axis in (1, 2))
    units = math.ceil(image.width / across) * math.ceil(image.height / down)
    return bool(len(RESTART.findall(data, first)) < math.ceil(units / intervals[-1]) - 1)


def _is_coarse(data: bytes, image: Image.Image) -> bool:
    """Whether the scans of a progressive JPEG end before all bits of all coefficients were told (T.81, annex G)."""
    if not image.info.get("progressive"):
        return False
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    untold = {name: set(range(COEFFICIENTS)) for name, *_ in layers}
    *_, (first, _) = structure.segments(data)
    try:
        for at in structure.scans(data, first):
            names, (start, end, bits) = _scan_header(data, at)
            told = set(range(start, end + 1))
            for name in names & set(untold):
                untold[name] = untold[name] | told if bits & 15 else untold[name] - told
    except (IndexError, ValueError, struct.error):
        return True
    return any(untold.values())


def _scan_header(data: bytes, at: int) -> tuple[set[int], bytes]:
    """Which components a scan is of; its first and last coefficient and the bits that it leaves."""
    after = at + 5 + 2 * data[at + 4]
    return set(data[at + 5 : after : 2]), data[after : after + 3]


def _opened(data: bytes) -> Image.Image:
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
