"""JPEG XL by an optional package: its size from the header alone, every kind of samples, hostile and damaged files."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import jxl
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, PictureLimits
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest.pictures import scene

WANTED = DecodeRequest(working_side=512)
PIXELS = np.asarray(scene())


def packed(pixels=PIXELS, **options):
    return imagecodecs.jpegxl_encode(np.ascontiguousarray(pixels), lossless=True, **options)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (48, 64), (256, 256), (300, 200), (1000, 3), (9000, 2), (160, 90)])
@pytest.mark.parametrize("container", [False, True])
def test_the_size_is_read_from_the_header_alone(size, container):
    data = packed(np.zeros((size[1], size[0], 3), np.uint8), usecontainer=container)
    assert jxl.size(data[:80]) == size


def test_it_is_decoded_in_the_sandbox_to_the_very_pixels():
    pool = Sandbox(PoolSettings(processes=1))
    found = pool.decode(packed(), WANTED)
    pool.close()
    assert (found.format, found.width, found.height) == ("JXL", 64, 48)
    assert np.array_equal(found.pixels, PIXELS)


def test_grey_opacity_and_16_bits_are_read():
    grey = PIXELS[:, :, 0]
    assert np.array_equal(decode(packed(grey), WANTED).pixels[:, :, 1], grey)
    opaque = np.dstack([PIXELS, np.full(grey.shape, 255, np.uint8)])
    assert np.array_equal(decode(packed(opaque), WANTED).pixels, PIXELS)
    deep = decode(packed(PIXELS.astype(np.uint16) * 257), WANTED).pixels
    assert np.abs(deep.astype(int) - PIXELS).max() <= 1


def test_too_many_pixels_are_refused_from_the_header(monkeypatch):
    monkeypatch.setattr(jxl, "raster", None)
    for limits in (PictureLimits(pixels=1_000), PictureLimits(side=50)):
        with pytest.raises(TooLarge):
            decode(packed(), DecodeRequest(512, limits=limits))


@pytest.mark.parametrize("data", [packed()[:n] for n in (2, 3, 12, 500, -100)] + [jxl.CONTAINER])
def test_damaged_files_are_refused(data):
    with pytest.raises(UnsupportedPicture) as caught:
        decode(data, WANTED)
    assert caught.value.code == "picture_damaged"


def test_without_the_package_it_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr(jxl, "codec", None)
    with pytest.raises(UnsupportedPicture, match="make extras") as caught:
        decode(packed(), WANTED)
    assert caught.value.code == "jpeg_xl_not_read"
