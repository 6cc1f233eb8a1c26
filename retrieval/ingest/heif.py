"""Read HEIC and HEIF by the optional pi-heif, a wrapper of libheif; its wheel holds no encoder."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from retrieval.ingest import extras, unthreaded
from retrieval.ingest.colour import Raster

pi_heif: Any = extras.load("pi_heif")

# The brands of ISO/IEC 23008-12, annexes B and D; the general ones say nothing of what the picture is packed in.
HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
GENERAL = {b"mif1", b"mif2", b"msf1"}
MOST_BRANDS = 64
# A child has one thread, in which libde265 decodes as well; when it is refused a second one it ends the child.
if pi_heif and not unthreaded.bind_to_nothing("de265_start_worker_threads", of="libde265", used_by="libheif"):
    pi_heif = None
if pi_heif:
    pi_heif.options.DECODE_THREADS = 0
    # Pictures that hang on the picture are not read.
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False


def is_heif(data: bytes) -> bool:
    """Tell by the brands in the file's first box."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4]), len(data), 16 + 4 * MOST_BRANDS)
    brands = {data[at : at + 4] for at in range(16, end, 4)}
    return data[8:12] in HEVC or (data[8:12] in GENERAL and bool(brands & HEVC))


class Picture:
    """The primary picture of a file, its header read. ``size``: width and height, upright."""

    def __init__(self, data: bytes) -> None:
        """Raises what libheif raises on damage: EOFError, OSError, RuntimeError, SyntaxError, ValueError."""
        file = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        self._picture = file[file.primary_index]
        self.size: tuple[int, int] = self._picture.size

    def raster(self) -> Raster:
        """Decode. The container's own turns and mirrors are in the pixels, so that EXIF's orientation is not asked."""
        found = self._picture
        image = Image.frombuffer(found.mode, found.size, bytes(found.data), "raw", found.mode, found.stride, 1)
        return Raster(image, found.info.get("icc_profile") or b"")
