"""A picture at its full size: one JPEG that every browser shows, whatever came in, and nothing else of the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import sandbox
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, Part
from tests.ingest.pictures import FORMATS, encoded, sample, scene
from tests.ingest.test_decode import ODD

FULL = DecodeRequest(full=True)
PIXELS = DecodeRequest(working_side=20_000)


def opened(data):
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    return image


@pytest.mark.parametrize("name", [*FORMATS, *ODD])
def test_every_picture_is_one_that_browsers_show(name):
    data = ODD[name][0] if name in ODD else sample(name)
    whole, pixels = opened(decode(data, FULL).full), decode(data, PIXELS).pixels
    assert whole.size == pixels.shape[1::-1]
    assert np.abs(np.asarray(whole).astype(int) - pixels).mean() < 6


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_it_is_upright_and_says_nothing_of_the_camera(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    found = decode(encoded(scene(640, 480), "JPEG", exif=exif, comment=b"at home"), FULL)
    assert opened(found.full).size == (found.width, found.height)
    assert b"Maker" not in found.full
    assert b"at home" not in found.full


def test_fine_colours_stay():
    """Stripes of one pixel, red and blue, would be mixed where colours are kept for each second pixel only."""
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    found = np.asarray(opened(decode(encoded(Image.fromarray(stripes)), FULL).full)).astype(int)
    assert np.abs(found - stripes).mean() < 8


def test_the_sandbox_gives_it_of_the_page_that_is_asked_for(tmp_path):
    path = tmp_path / "pages"
    path.write_bytes(encoded(scene(seed=1), "TIFF", save_all=True, append_images=[scene(90, 70, seed=2)]))
    second = sandbox.full(path, part=Part(2, 2))
    assert second == decode(path.read_bytes(), DecodeRequest(full=True, part=Part(2, 2))).full
    assert opened(second).size == (90, 70)


def test_a_damaged_file_is_refused():
    with pytest.raises(UnsupportedPicture):
        decode(sample("PNG")[:200], FULL)
