"""Formats: whatever else Pillow can write, and whatever else is called a picture, is refused whatever its name says."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from PIL import Image

from retrieval.errors import RetrievalError, UnsupportedPicture
from retrieval.ingest import reading as room
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.sniff import SENTENCES
from tests.ingest.pictures import scene

WANTED = DecodeRequest(working_side=64)
MODES = ("RGB", "RGBA", "L", "1", "P", "F")
# An MPO is a camera's JPEG with a second picture behind it.
ALLOWED = {*room.FORMATS, "MPO", "PDF"}
# What no plug-in here writes.
BY_HAND = {
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n",
    "PSD": b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 48, 64, 8, 3) + b"\0" * 100,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"/>',
    "DjVu": b"AT&TFORM\0\0\0\x20DJVUINFO" + b"\0" * 40,
}


def written(kind):
    """A picture in this format, in the first mode that it takes; nothing where Pillow lacks the means."""
    for mode in MODES:
        out = io.BytesIO()
        with contextlib.suppress(OSError, KeyError, ValueError, AttributeError, TypeError):
            scene(64, 64).convert(mode).save(out, kind)
            return out.getvalue()
    return b""


def others():
    """Every other format, by name."""
    Image.init()
    made = {kind: written(kind) for kind in sorted(Image.SAVE) if kind not in ALLOWED}
    return {kind: data for kind, data in made.items() if data} | BY_HAND


def test_no_other_format_is_ever_parsed(figure):
    found = others()
    for kind, data in found.items():
        with pytest.raises(UnsupportedPicture) as caught:
            decode(data, WANTED)
        assert (kind, caught.value.message) == (kind, SENTENCES[caught.value.code])
    assert len(found) >= 19
    figure(f"{len(found)} other formats refused: {', '.join(found)}")


def test_without_the_list_of_formats_others_are_parsed(monkeypatch):
    monkeypatch.setattr(room, "FORMATS", None)
    parsed = []
    for kind, data in others().items():
        with contextlib.suppress(RetrievalError):
            decode(data, WANTED)
            parsed.append(kind)
    assert {"PPM", "TGA", "PCX", "SGI"} <= set(parsed)
