"""Read one frame of a medical picture (DICOM) by the optional pydicom, and tell patients apart without naming them."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import deep, extras
from retrieval.ingest.colour import Raster
from retrieval.ingest.deep import Depth
from retrieval.ingest.sniff import SENTENCES

# It asks the network for sample files: a client of HTTP was a tenth of the start of the decoders' server.
pydicom: Any = extras.load("pydicom", without="requests")
pixels: Any = extras.load("pydicom.pixels") if pydicom else None

PREAMBLE, MARK = 128, b"DICM"
# Ways of packing by pydicom's names for them (PS3.5, annex A).
SYNTAXES = (
    "ImplicitVRLittleEndian", "ExplicitVRLittleEndian", "ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian",
    "RLELossless", "JPEGBaseline8Bit", "JPEG2000Lossless", "JPEG2000", "JPEGLSLossless",
    "JPEGLSNearLossless", "JPEGLossless", "JPEGLosslessSV1",
)  # fmt: skip
INVERTED, PALETTE = "MONOCHROME1", "PALETTE COLOR"


def is_dicom(data: bytes) -> bool:
    """Tell by the mark behind the preamble (PS3.10, section 7.1)."""
    return data[PREAMBLE : PREAMBLE + len(MARK)] == MARK


class Frame:
    """A frame of a file whose header was read. ``size``: width, height; ``pages``: all frames; ``subject``: whose."""

    def __init__(self, data: bytes, number: int) -> None:
        """Raises UnsupportedPicture for what holds no pixels, and what pydicom raises on damage."""
        # Values are checked where they are used: many a sound file breaks a rule of its tags.
        found = pydicom.dcmread(io.BytesIO(data))
        self._found = found
        if "PixelData" not in found or not found.get("Rows") or not found.get("Columns"):
            raise _not_read()
        self.size = int(found.Columns), int(found.Rows)
        self.pages = max(1, int(found.get("NumberOfFrames") or 1))
        self.subject = subject(found)
        if not 1 <= number <= self.pages:
            raise IndexError("no such frame")
        self._index = number - 1

    def raster(self) -> Raster:
        """Decode in the window that the file names, or in the range that the frame uses.

        Raises UnsupportedPicture for what is packed in a way that is not read here.
        """
        if self._found.file_meta.TransferSyntaxUID not in READ:
            raise _not_read()
        return Raster(Image.fromarray(_decoded(self._found, self._index)))


def subject(found: Any) -> bytes:
    """A digest of who this is of (PatientID and its issuer); empty where that is not said. No name goes into it."""
    parts = [str(found.get(name) or "").strip() for name in ("PatientID", "IssuerOfPatientID")]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest() if parts[0] else b""


def _decoded(found: Any, index: int) -> NDArray[np.uint8]:
    samples, kind = pixels.pixel_array(found, index=index), str(found.PhotometricInterpretation)
    if kind == PALETTE:
        samples = pixels.apply_color_lut(samples, found)
    if samples.ndim == 3:
        return samples if samples.dtype == np.uint8 else deep.to_bytes(samples)
    return _shown(samples, found, inverted=kind == INVERTED)


def _shown(samples: NDArray[Any], found: Any, *, inverted: bool) -> NDArray[np.uint8]:
    """Grey samples as 0..255 (PS3.3, C.11.1 and C.11.2)."""
    centre, width = (_first(found.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width < 1:
        padding = found.get("PixelPaddingValue")
        empty = float(padding) if isinstance(padding, int | float) else None
        return deep.to_bytes(samples, Depth(empty=empty, white_is_zero=inverted))
    slope, intercept = _first(found.get("RescaleSlope")), _first(found.get("RescaleIntercept"))
    values = samples * (1.0 if slope is None else slope) + (intercept or 0.0)
    grey = windowed(values, centre, width)
    return 255 - grey if inverted else grey


def windowed(values: NDArray[Any], centre: float, width: float) -> NDArray[np.uint8]:
    """The linear function of PS3.3, C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255, cut to 0..255."""
    if width <= 1:
        return np.where(values <= centre - 0.5, 0, 255).astype(np.uint8)
    shown = ((values - (centre - 0.5)) / (width - 1) + 0.5) * 255
    return np.rint(np.clip(shown, 0, 255)).astype(np.uint8)


def _first(value: Any) -> float | None:
    """The first of one or many numbers; None for what is none."""
    if isinstance(value, str) or value is None:
        return None
    many = list(value) if hasattr(value, "__iter__") else [value]
    number = float(many[0]) if many else float("nan")
    return number if np.isfinite(number) else None


def _not_read() -> UnsupportedPicture:
    return UnsupportedPicture(SENTENCES["dicom_kind_not_read"], code="dicom_kind_not_read")


def _load() -> frozenset[str]:
    """Load all that reading loads at first use, and say which ways of packing are read: plain, RLE, and by Pillow."""
    if not pydicom:
        return frozenset()
    uid, tiny = pydicom.uid, pydicom.Dataset()
    tiny.file_meta = pydicom.dataset.FileMetaDataset()
    tiny.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    tiny.file_meta.MediaStorageSOPClassUID = tiny.file_meta.MediaStorageSOPInstanceUID = uid.UID("1.2")
    tiny.Rows = tiny.Columns = tiny.SamplesPerPixel = 1
    tiny.BitsAllocated, tiny.BitsStored, tiny.HighBit, tiny.PixelRepresentation = 8, 8, 7, 0
    tiny.PhotometricInterpretation = "MONOCHROME2"
    tiny.add_new("PixelData", "OB", bytes(2))
    out = io.BytesIO()
    pydicom.dcmwrite(out, tiny, enforce_file_format=True)
    _decoded(pydicom.dcmread(io.BytesIO(out.getvalue())), 0)
    known = [getattr(uid, name) for name in SYNTAXES]
    return frozenset(each for each in known if pixels.get_decoder(each).is_available)


READ = _load()
