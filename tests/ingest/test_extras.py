"""HEIC by an optional package, and raw files by the picture in them: found, turned, bounded, refused by name."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import extras, heif, raw, unthreaded
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, PictureLimits
from tests.ingest import heic, slow
from tests.ingest.pictures import encoded, sample, scene
from tests.ingest.pictures import raw as raw_file

WANTED = DecodeRequest(working_side=512)
BIG, SMALL = encoded(scene(300, 200), "JPEG"), encoded(scene(60, 40, seed=1), "JPEG")


def test_without_the_package_a_heic_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr(heif, "pi_heif", None)
    with pytest.raises(UnsupportedPicture, match="make extras") as caught:
        decode(heic.SMALL, WANTED)
    assert caught.value.code == "heic_not_read"


def test_what_is_readable_is_what_is_installed(monkeypatch):
    assert extras.readable()[:4] == ("HEIC", "PDF", "DICOM", "JPEG XL")
    monkeypatch.setattr(extras, "PACKAGES", {"HEIC": "no_such_package_here"})
    assert extras.readable() == ()
    assert extras.load("no_such_package_here") is None


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"heic", True),
        (b"mif1\0\0\0\0heicmif1", True),
        (b"mif1\0\0\0\0mif1avif", False),
        (b"avif", False),
        (b"qt  ", False),
    ],
)
def test_a_heic_is_known_by_its_brands(head, known):
    assert heif.is_heif(struct.pack(">I", 8 + len(head)) + b"ftyp" + head + bytes(100)) is known


def test_a_heic_that_promises_too_many_pixels_is_refused_from_its_header():
    lying = re.sub(rb"ispe\0{4}.{8}", b"ispe" + struct.pack(">III", 0, 20_000, 20_000), heic.SMALL, flags=re.DOTALL)
    with pytest.raises((TooLarge, UnsupportedPicture)):
        decode(lying, WANTED)
    with pytest.raises(TooLarge):
        decode(heic.SMALL, DecodeRequest(512, limits=PictureLimits(pixels=1_000)))


def test_a_call_that_is_not_there_is_bound_to_nothing_and_said():
    assert not unthreaded.bind_to_nothing("no_such_call", of="libde265", used_by="libheif")
    assert not unthreaded.bind_to_nothing("de265_start_worker_threads", of="no-such-library", used_by="libheif")


def test_the_largest_ordinary_picture_of_a_raw_file_is_shown():
    lossless = BIG.replace(b"\xff\xc0", b"\xff\xc3", 1)
    for data in (raw_file(SMALL, BIG), raw_file(BIG, SMALL), raw_file(lossless, SMALL, BIG)):
        decoded = decode(data, WANTED)
        assert (decoded.width, decoded.height, decoded.format) == (300, 200, "RAW")
    assert decode(raw_file(lossless, SMALL), WANTED).width == 60
    assert np.array_equal(decode(raw_file(SMALL, BIG), WANTED).pixels, decode(BIG, WANTED).pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_raw_file_s_picture_is_turned_as_the_raw_file_or_itself_says(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    own = encoded(scene(60, 40), "JPEG", exif=exif)
    plain = raw_file(encoded(scene(60, 40), "JPEG"), orientation=orientation)
    wanted = decode(own, WANTED).pixels
    assert np.array_equal(decode(raw_file(own), WANTED).pixels, wanted)
    assert np.array_equal(decode(plain, WANTED).pixels, wanted)


@pytest.mark.parametrize(
    "head",
    [
        b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0\0\0", b"IIU\0\x08\0\0\0\0\0", b"FOVb", b"\0MRM",
        b"II*\0\x10\0\0\0CR\2\0\0\0\0\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    ],
)  # fmt: skip
def test_cameras_files_of_every_beginning_are_taken_by_the_picture_in_them(head):
    assert decode(head + bytes(64) + BIG + bytes(64), WANTED).format == "RAW"


def test_a_tiff_is_not_taken_for_a_raw_file():
    assert not raw.is_raw(sample("TIFF"))
    assert decode(encoded(scene(), "TIFF", compression="jpeg"), WANTED).format == "TIFF"


def test_what_is_hidden_in_a_raw_file_is_bounded_as_it_is_alone():
    with pytest.raises(TooLarge) as caught:
        decode(raw_file(slow.jpeg_scans(200)), WANTED)
    assert caught.value.code == "picture_too_slow"
    with pytest.raises(TooLarge):
        decode(raw_file(BIG), DecodeRequest(512, limits=PictureLimits(pixels=1_000, jpeg_pixels=1_000)))
    many = raw_file(*[SMALL] * raw.MOST_FOUND, BIG)
    assert decode(many, WANTED).width == 60
