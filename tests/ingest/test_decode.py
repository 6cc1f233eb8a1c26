"""Decoding: bombs, formats, damage, odd but legal pictures, orientation, and derivatives without metadata."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, PictureLimits, Region
from retrieval.ingest.sniff import SENTENCES
from tests.ingest.pictures import (
    FORMATS,
    bmp_header,
    encoded,
    gif_frames,
    icns,
    jpeg_header,
    png_header,
    raw,
    sample,
    scene,
    webp_header,
)

PIXELS = DecodeRequest(working_side=512)
FULL = DecodeRequest(working_side=512, thumbnail_sizes=(320, 1280))
SECRET = b"SECRET-PLACE"

BOMBS = {
    "png": png_header(30_000, 30_000),
    "jpeg": jpeg_header(65_500, 65_500),
    "webp": webp_header(16_383, 16_383),
    "bmp": bmp_header(30_000, 30_000),
    "long side": encoded(Image.new("L", (20_001, 1)), "PNG"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_from_the_header(name, monkeypatch):
    def load(*_):
        raise AssertionError("pixels were decoded")

    for kind in (ImageFile.ImageFile, Image.Image):
        monkeypatch.setattr(kind, "load", load)
    tracemalloc.start()
    with pytest.raises(TooLarge) as caught:
        decode(BOMBS[name], PIXELS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "image_too_large"
    assert peak < 50 * 2**20


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(TooLarge):
        decode(sample("JPEG"), DecodeRequest(512, limits=PictureLimits(bytes=100)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_may_have_any_number_of_frames(kind):
    frames = [scene(40, 25, seed=i) for i in range(20)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(data, DecodeRequest(512, limits=PictureLimits(pixels=1_000))).width == 40
    with pytest.raises(TooLarge):
        decode(data, DecodeRequest(512, limits=PictureLimits(pixels=999)))


def test_an_animation_of_a_million_frames_costs_no_more_than_its_first():
    one = sample("GIF")
    many = one[:-1] + gif_frames(1_000_000)[-9_000_000:]
    assert np.array_equal(decode(many, PIXELS).pixels, decode(one, PIXELS).pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_gives_the_same_picture(kind):
    decoded = decode(sample(kind), FULL)
    assert (decoded.width, decoded.height, decoded.format) == (64, 48, kind)
    assert decoded.pixels.shape == (48, 64, 3)
    assert decoded.pixels.dtype == np.uint8
    tolerance = 40 if kind == "GIF" else 12
    assert np.abs(decoded.pixels.astype(int) - np.asarray(scene()).astype(int)).mean() < tolerance


FOREIGN = {
    "ppm": encoded(scene(), "PPM"),
    "ico": encoded(scene(), "ICO"),
    "tga": encoded(scene(), "TGA"),
    "pcx": encoded(scene(), "PCX"),
    "raw without a picture": raw(),
    "sgi": encoded(scene(), "SGI"),
    "eps": encoded(scene(), "EPS"),
    "dds": encoded(scene(), "DDS"),
    "icns": icns(encoded(scene(128, 128))),
    "im": encoded(scene(), "IM"),
    "msp": encoded(scene().convert("1"), "MSP"),
    "psd": b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 48, 64, 8, 3) + b"\0" * 100,
    "djvu": b"AT&TFORM\0\0\0\x20DJVUINFO" + b"\0" * 40,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "html before a jpeg": b"<script>alert(1)</script>" + sample("JPEG"),
    "pdf before a jpeg": b"%PDF-1.4\n" + sample("JPEG"),
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "empty": b"",
    "zeros": b"\0" * 5000,
    "noise": random.Random(1).randbytes(5000),
    "script in a gif's clothes": b"GIF89a/*" + b"\xff" * 6 + b"*/=1;alert(1)//",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_everything_else_is_refused_with_a_reason(name):
    with pytest.raises((UnsupportedPicture, TooLarge)) as caught:
        decode(FOREIGN[name], PIXELS)
    assert caught.value.code in {*SENTENCES, "picture_damaged", "image_too_large"}
    assert caught.value.message.endswith(".")


def deep(values):
    return encoded(Image.fromarray(np.asarray(values, dtype=np.uint16)), "PNG")


RED, BLUE = (Image.new("RGB", (9, 9), colour) for colour in ("red", "blue"))
ODD = {
    "black": (encoded(Image.new("RGB", (30, 20))), (0, 0, 0)),
    "white": (encoded(Image.new("RGB", (30, 20), "white")), (255, 255, 255)),
    "1x1": (encoded(Image.new("RGB", (1, 1), (9, 8, 7))), (9, 8, 7)),
    "1x10000": (encoded(Image.new("RGB", (1, 10_000), (9, 8, 7))), (9, 8, 7)),
    "10000x1": (encoded(Image.new("RGB", (10_000, 1), (9, 8, 7))), (9, 8, 7)),
    "cmyk": (encoded(Image.new("CMYK", (30, 20), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "one bit": (encoded(Image.new("1", (30, 20), 1)), (255, 255, 255)),
    "grey": (encoded(Image.new("L", (30, 20), 77)), (77, 77, 77)),
    "grey and alpha": (encoded(Image.new("LA", (30, 20), (0, 128))), (127, 127, 127)),
    "alpha that is zero everywhere": (encoded(Image.new("RGBA", (30, 20), (9, 8, 7, 0))), (9, 8, 7)),
    "half transparent": (encoded(Image.new("RGBA", (30, 20), (0, 0, 0, 128))), (127, 127, 127)),
    "palette": (encoded(Image.new("RGB", (30, 20), (255, 0, 0)).quantize(4), "PNG"), (255, 0, 0)),
    "transparent palette": (
        encoded(Image.new("RGB", (30, 20), (255, 0, 0)).quantize(4), "PNG", transparency=b"\x80"),
        (255, 127, 127),
    ),
    "16 bit": (deep(np.full((20, 30), 0x8040)), (0x80, 0x80, 0x80)),
    "32 bit": (encoded(Image.new("I", (30, 20), 0x4000), "TIFF"), (0x40, 0x40, 0x40)),
    "float": (encoded(Image.new("F", (30, 20), 0.5), "TIFF"), (128, 128, 128)),
    "wide float": (encoded(Image.new("F", (30, 20), 900.0), "TIFF"), (4, 4, 4)),
    "not a number": (encoded(Image.new("F", (30, 20), float("nan")), "TIFF"), (0, 0, 0)),
    "animated": (encoded(RED, "GIF", save_all=True, append_images=[BLUE]), (255, 0, 0)),
    "many pages": (encoded(RED, "TIFF", save_all=True, append_images=[BLUE]), (255, 0, 0)),
    "camera's two pictures": (
        encoded(Image.new("RGB", (16, 16), "white"), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))]),
        (255, 255, 255),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_but_legal_pictures_work(name):
    data, colour = ODD[name]
    decoded = decode(data, FULL)
    assert tuple(decoded.pixels[0, 0]) == pytest.approx(colour, abs=1)
    assert all(Image.open(io.BytesIO(small)).mode == "RGB" for small in decoded.thumbnails.values())


def test_the_camera_s_two_pictures_are_called_a_jpeg():
    assert decode(ODD["camera's two pictures"][0], PIXELS).format == "JPEG"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied(kind, orientation):
    corners = Image.new("RGB", (60, 40), "white")
    corners.paste("black", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(corners, kind, exif=exif), FULL)
    size = (60, 40) if orientation <= 4 else (40, 60)
    assert (decoded.width, decoded.height) == size
    rows, columns = np.nonzero(decoded.pixels[:, :, 0] < 100)
    # Where the stored top left corner comes to lie: EXIF 2.32, table of Orientation.
    assert (columns.mean() < size[0] / 2) == (orientation in {1, 4, 5, 8})
    assert (rows.mean() < size[1] / 2) == (orientation in {1, 2, 5, 6})
    thumbnail = Image.open(io.BytesIO(decoded.thumbnails[320]))
    assert thumbnail.size == size


def test_damaged_exif_does_not_refuse_a_picture():
    assert decode(encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 30), PIXELS).width == 64


def with_secrets(kind):
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[0x001D] = SECRET.decode()
    options = {"exif": exif, "icc_profile": SECRET * 20, "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"}
    if kind == "JPEG":
        options["comment"] = SECRET
    if kind == "GIF":
        options = {"comment": SECRET}
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Comment", SECRET.decode())
    return encoded(scene(400, 300), kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_derivatives_carry_no_metadata(kind):
    data = with_secrets(kind)
    assert SECRET in data
    decoded = decode(data, FULL)
    assert sorted(decoded.thumbnails) == [320, 1280]
    for small in decoded.thumbnails.values():
        picture = Image.open(io.BytesIO(small))
        assert SECRET not in small
        assert not picture.getexif()
        assert not {"icc_profile", "exif", "xmp", "comment", "photoshop"} & set(picture.info)
    assert decoded.placeholder.startswith("data:image/webp;base64,")


def test_what_hangs_on_a_picture_does_not_reach_its_derivatives():
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("x.html", "<script>alert(1)</script>")
    gif = encoded(scene(), "GIF", comment=b"*/=1;alert(1)//")
    for data in (sample("JPEG") + hidden.getvalue(), gif, sample("PNG") + b"<script>alert(1)</script>"):
        for small in decode(data, FULL).thumbnails.values():
            assert b"alert" not in small
            assert not zipfile.is_zipfile(io.BytesIO(small))


def test_the_working_picture_keeps_its_short_side():
    assert decode(sample("JPEG", size=(1500, 1100)), DecodeRequest(512)).pixels.shape == (512, 698, 3)
    assert decode(sample("JPEG", size=(700, 300)), DecodeRequest(512)).pixels.shape == (300, 700, 3)


def test_a_large_jpeg_is_decoded_small_and_looks_the_same():
    picture = scene(2600, 2200)
    decoded = decode(encoded(picture, "JPEG", quality=95), FULL)
    assert (decoded.width, decoded.height) == (2600, 2200)
    wanted = picture.resize((605, 512), Image.Resampling.BICUBIC)
    assert np.abs(decoded.pixels.astype(int) - np.asarray(wanted).astype(int)).mean() < 6


def test_thumbnails_are_never_larger_than_the_picture():
    small = decode(sample(size=(640, 480)), FULL).thumbnails
    sizes = {key: Image.open(io.BytesIO(data)).size for key, data in small.items()}
    assert sizes == {320: (320, 240), 1280: (640, 480)}


def test_a_query_gets_pixels_alone_and_an_upload_no_pixels():
    query, upload = decode(sample(), PIXELS), decode(sample(), DecodeRequest(thumbnail_sizes=(320,)))
    assert (query.thumbnails, query.placeholder, query.pdq) == ({}, "", b"")
    assert upload.pixels.shape == (0, 0, 3)
    assert len(upload.pdq) == 32


def test_a_region_is_cut_at_full_detail():
    picture = scene(2400, 1600)
    data = encoded(picture, "PNG", compress_level=1)
    pixels = decode(data, DecodeRequest(512, region=Region(0.25, 0.5, 0.1, 0.2))).pixels
    assert np.array_equal(pixels, np.asarray(picture.crop((600, 800, 840, 1120))))


def test_a_region_of_a_jpeg_is_not_taken_from_its_small_decoding():
    picture = scene(2400, 1600)
    pixels = decode(encoded(picture, "JPEG", quality=95), DecodeRequest(512, region=Region(0, 0, 0.25, 0.25))).pixels
    assert pixels.shape == (400, 600, 3)


def test_a_region_is_of_the_upright_picture():
    picture = Image.new("RGB", (60, 40), "white")
    picture.paste("black", (0, 0, 30, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture, "PNG", exif=exif)
    assert decode(data, DecodeRequest(512, region=Region(0.5, 0, 0.5, 0.5))).pixels.max() == 0


@pytest.mark.parametrize(
    ("region", "box"),
    [
        (Region(0, 0, 1, 1), (0, 0, 10, 20)),
        (Region(0.99, 0.99, 0.01, 0.01), (9, 19, 10, 20)),
        (Region(1, 1, 0, 0), (9, 19, 10, 20)),
        (Region(-1, -1, 9, 9), (0, 0, 10, 20)),
        (Region(0.11, 0.11, 0.001, 0.001), (1, 2, 2, 3)),
    ],
)
def test_a_region_has_a_pixel_and_stays_inside(region, box):
    assert region.box((10, 20)) == box


def test_pdq_knows_a_copy_from_another_picture():
    def bits(data):
        return np.unpackbits(np.frombuffer(decode(data, FULL).pdq, np.uint8))

    picture = scene(640, 480, seed=3)
    first = bits(encoded(picture, "PNG"))
    copy = bits(encoded(picture.resize((400, 300)), "JPEG", quality=60))
    other = bits(encoded(scene(640, 480, seed=4), "PNG"))
    assert (first != copy).sum() <= 31 < (first != other).sum()


def test_a_plain_picture_has_no_pdq():
    assert decode(encoded(Image.new("RGB", (200, 200), "teal")), FULL).pdq == b""
