"""Sound files are taken whatever is wrong beside their pixels, and what is sound but not read is called by its name."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import dicom, heif, jpeg, jxl, pdf, video
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, PictureLimits, Region
from retrieval.ingest.sniff import SENTENCES
from tests.ingest.odd import SRGB, chunk, icc_chunk, pixels, png
from tests.ingest.pictures import encoded, sample, scene

WANTED = DecodeRequest(working_side=512)
COLOURS = np.asarray(scene())
SIDE = {
    "text with a wrong checksum": chunk(b"tEXt", b"Comment\0hello", sound=False),
    "size with a wrong checksum": chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1), sound=False),
    "size too short": chunk(b"pHYs", b"\0"),
    "gamma too short": chunk(b"gAMA", b""),
    "transparency with a wrong checksum": chunk(b"tRNS", b"\0\0\0\0\0\0", sound=False),
    "profile of megabytes": chunk(*icc_chunk(SRGB + bytes(2_000_000))),
    "profile that does not unpack": chunk(b"iCCP", b"name\0\0" + b"\xff" * 40),
    "text that unpacks to megabytes": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(3_000_000))),
    "private": chunk(b"prVt", b"anything"),
    "exif that is none": chunk(b"eXIf", b"nothing of the kind"),
}


@pytest.mark.parametrize("name", SIDE)
@pytest.mark.parametrize("where", ["before", "after"])
def test_what_stands_beside_a_png_s_picture_is_not_needed(name, where):
    assert np.array_equal(decode(png(COLOURS, **{where: [SIDE[name]]}), WANTED).pixels, COLOURS)


def test_a_png_s_own_chunks_are_needed():
    data = png(COLOURS)
    for broken in (data.replace(b"IDAT", b"IDaT"), data[: len(data) // 2], data[:8] + data[33:]):
        with pytest.raises(UnsupportedPicture):
            decode(broken, WANTED)


def test_small_grey_transparency_is_that_of_its_depth():
    """2 bits a pixel: the value 1 is transparent, and shown as 85."""
    rows = np.array([[0b00011011]] * 4, np.uint8)
    data = bytearray(png(rows, bits=2, colour=0, before=[(b"tRNS", b"\0\1")]))
    head = struct.pack(">IIBBBBB", 4, 4, 2, 0, 0, 0, 0)
    data[8:33] = chunk(b"IHDR", head)
    assert decode(bytes(data), WANTED).pixels[0, :, 0].tolist() == [0, 255, 170, 255]


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "in parts": {"restart_marker_blocks": 4},
    "all colours": {"subsampling": 0, "quality": 95},
}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_but_its_end_is_taken_and_any_shorter_one_refused(name):
    data = encoded(scene(90, 70), "JPEG", **JPEGS[name])
    whole = decode(data, WANTED).pixels
    assert np.array_equal(decode(data[:-2], WANTED).pixels, whole)
    for length in [*range(300, len(data) - 60, 61), *range(len(data) - 40, len(data) - 3)]:
        with pytest.raises(UnsupportedPicture):
            decode(data[:length], WANTED)


def test_without_the_fillings_half_a_jpeg_is_taken(monkeypatch):
    monkeypatch.setattr(jpeg, "FILLINGS", [])
    assert decode(sample("JPEG")[:-200], WANTED).width == 64


@pytest.mark.parametrize(
    ("check", "options"), [("_is_coarse", JPEGS["progressive"]), ("_lacks_restarts", JPEGS["in parts"])]
)
def test_without_the_check_a_jpeg_cut_between_its_parts_is_taken(check, options, monkeypatch):
    data, taken = encoded(scene(90, 70), "JPEG", **options), 0
    monkeypatch.setattr(jpeg, check, lambda *_: False)
    whole = decode(data, WANTED).pixels
    for length in range(300, len(data) - 3):
        try:
            taken += not np.array_equal(decode(data[:length], WANTED).pixels, whole)
        except UnsupportedPicture:
            continue
    assert taken


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size():
    picture = scene(2400, 1600)
    data = encoded(picture, "JPEG", quality=95)
    limits = PictureLimits(pixels=1_000_000, jpeg_pixels=4_000_000)
    decoded = decode(data, DecodeRequest(working_side=512, thumbnail_sizes=(320,), limits=limits))
    assert (decoded.width, decoded.height) == (2400, 1600)
    wanted = pixels(picture.resize((768, 512), Image.Resampling.BICUBIC))
    assert np.abs(decoded.pixels - wanted).mean() < 6
    with pytest.raises(TooLarge, match="3 million pixels"):
        decode(data, DecodeRequest(512, limits=PictureLimits(pixels=100, jpeg_pixels=3_839_999)))
    with pytest.raises(TooLarge, match="1 million pixels"):
        decode(encoded(picture, "WEBP"), DecodeRequest(512, limits=limits))


def test_a_region_of_a_large_jpeg_keeps_within_the_pixels():
    data = encoded(scene(2400, 1600), "JPEG", quality=95)
    part = Region(0.25, 0.25, 0.25, 0.25)
    limits = PictureLimits(pixels=1_000_000, jpeg_pixels=4_000_000)
    assert decode(data, DecodeRequest(512, region=part, limits=limits)).pixels.shape == (200, 300, 3)
    assert decode(data, DecodeRequest(512, region=part)).pixels.shape == (400, 600, 3)


def test_a_progressive_jpeg_of_too_many_coefficients_is_refused(monkeypatch):
    data = encoded(scene(), "JPEG", progressive=True)
    held = jpeg.held_bytes(Image.open(io.BytesIO(data)))
    assert held == 64 * 48 * 1.5 * 2
    assert jpeg.held_bytes(Image.open(io.BytesIO(sample("JPEG")))) == 0
    monkeypatch.setattr("retrieval.ingest.decode.MOST_HELD", held - 1)
    with pytest.raises(TooLarge, match="progressive"):
        decode(data, WANTED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_in_xmp_turns_nothing(kind):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if kind == "PNG":
        data = png(COLOURS, before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)])
    else:
        data = encoded(scene(), kind, **({"tiffinfo": {700: xmp}} if kind == "TIFF" else {"xmp": xmp}))
    assert b"tiff:Orientation" in data
    decoded = decode(data, WANTED)
    assert (decoded.width, decoded.height) == (64, 48)


NAMED = {
    "file_empty": b"",
    "heic_not_read": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "jpeg_xl_not_read": b"\xff\x0a" + bytes(100),
    "raw_not_read": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    "drawing_not_read": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "pdf_not_read": encoded(scene(), "PDF"),
    "dicom_not_read": bytes(128) + b"DICM" + bytes(100),
    "video_not_read": b"\0\0\0\x20ftypisom" + bytes(100),
    "sound_not_read": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
    "archive_not_read": b"PK\3\4" + bytes(100),
    "text_not_read": "Nur Text, grüß dich.\n".encode() * 300,
    "format_not_allowed": b"\x01\x02\x03" * 40,
}


@pytest.mark.parametrize(
    "code",
    sorted(set(SENTENCES) - {"tiff_kind_not_read", "pdf_encrypted", "dicom_kind_not_read", "video_kind_not_read"}),
)
def test_what_is_not_read_is_called_by_its_name(code, monkeypatch):
    for room, package in ((heif, "pi_heif"), (pdf, "pdfium"), (dicom, "pydicom"), (jxl, "codec"), (video, "av")):
        monkeypatch.setattr(room, package, None)
    with pytest.raises(UnsupportedPicture) as caught:
        decode(NAMED[code], WANTED)
    assert (caught.value.code, caught.value.message) == (code, SENTENCES[code])


@pytest.mark.parametrize(
    "data", [b"\x1a\x45\xdf\xa3" + bytes(40), b"RIFF\0\0\0\0AVI LIST", b"\0\0\0\x14ftypqt  " + bytes(40)]
)
def test_every_film_is_a_video(data, monkeypatch):
    monkeypatch.setattr(video, "av", None)
    with pytest.raises(UnsupportedPicture, match="video"):
        decode(data, WANTED)
