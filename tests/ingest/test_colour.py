"""Colour: profiles and gamma bring pictures to sRGB in every format, and what is transparent can be seen."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from retrieval.ingest import profiles
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.profiles import D50, matrix_profile
from tests.ingest.odd import SRGB, chunk, frame_in_canvas, icc_chunk, pixels, png, tiff
from tests.ingest.pictures import encoded, scene

WANTED = DecodeRequest(working_side=512, thumbnail_sizes=(320,))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
WIDE = matrix_profile(1 / 2.2, primaries=P3)
LINEAR = matrix_profile(1.0)
# In order: little red, much red, grey.
COLOURS = np.array([[[60, 20, 20], [200, 30, 40], [128, 128, 128]]], np.uint8).repeat(16, axis=0).repeat(16, axis=1)
PICTURE = Image.fromarray(COLOURS)
WITH_PROFILES = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF")


def from_p3(colours):
    """Display P3 with a gamma of 2.2 to sRGB, by the literal formulas of IEC 61966-2-1 and CSS Color 4."""
    to_xyz = [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]]
    from_xyz = [
        [3.2409699, -1.5373832, -0.4986108],
        [-0.9692436, 1.8759675, 0.0415551],
        [0.0556301, -0.2039770, 1.0569715],
    ]
    light = (colours / 255) ** 2.2 @ np.array(to_xyz).T @ np.array(from_xyz).T
    return encode_srgb(np.clip(light, 0, 1))


def encode_srgb(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def shown(data):
    decoded = decode(data, WANTED)
    small = pixels(Image.open(io.BytesIO(decoded.thumbnails[320])))
    assert np.abs(small - decoded.pixels).mean() < 8
    return decoded.pixels.astype(int)


@pytest.mark.parametrize("kind", WITH_PROFILES)
def test_a_profile_brings_colours_to_srgb(kind):
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 98}}.get(
        kind, {}
    )
    found = shown(encoded(PICTURE, kind, icc_profile=WIDE, **options))
    assert np.abs(found - from_p3(COLOURS)).mean() < 3
    assert np.abs(COLOURS - from_p3(COLOURS)).mean() > 6


@pytest.mark.parametrize("kind", WITH_PROFILES)
@pytest.mark.parametrize("profile", [b"no profile at all", WIDE[:200], WIDE[:128] + b"\xff" * 300, SRGB])
def test_a_broken_profile_and_that_of_srgb_change_nothing(kind, profile):
    picture = scene(48, 32)
    assert np.array_equal(shown(encoded(picture, kind, icc_profile=profile)), shown(encoded(picture, kind)))


def test_a_profile_of_other_colours_than_the_picture_s_is_ignored():
    grey = ImageCms.createProfile("LAB")
    assert np.array_equal(profiles.to_srgb(PICTURE, ImageCms.ImageCmsProfile(grey).tobytes()), COLOURS)
    cmyk = Image.new("CMYK", (4, 4), (9, 99, 9, 0))
    assert profiles.to_srgb(cmyk, WIDE) is cmyk


def test_a_grey_picture_takes_a_profile_of_colours():
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (4, 1)))
    found = shown(encoded(ramp, "TIFF", icc_profile=LINEAR))
    assert np.abs(found[0] - encode_srgb(np.arange(256) / 255)[:, None]).max() <= 1


def test_opacity_outlives_a_profile():
    picture = PICTURE.convert("RGBA")
    picture.putalpha(128)
    found = shown(encoded(picture, "PNG", icc_profile=WIDE))
    assert np.abs(found - (from_p3(COLOURS) * 128 + 255 * 127) / 255).mean() < 2


def test_lab_is_a_colour_mode():
    lab = ImageCms.profileToProfile(PICTURE, profiles.SRGB, profiles.LAB, outputMode="LAB")
    assert np.abs(shown(encoded(lab, "TIFF")) - COLOURS).mean() < 3


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 0.25])
def test_a_profile_made_of_a_gamma_is_that_power(gamma):
    ramp = np.arange(256)[None, :, None].repeat(3, 2).astype(np.uint8)
    found = pixels(profiles.to_srgb(Image.fromarray(ramp), matrix_profile(gamma)))
    assert np.abs(found[0, :, 0] - encode_srgb((np.arange(256) / 255) ** (1 / gamma))).max() <= 1.5


def test_white_stays_white_whatever_white_it_was():
    column = profiles._adapted((0.2848, 0.2932), P3).sum(axis=1)
    assert np.allclose(column, D50, atol=1e-3)


@pytest.mark.parametrize("primaries", [((0.3, 0.3),) * 3, ((0.1, 0.0), (0.3, 0.6), (0.15, 0.06))])
def test_primaries_that_span_nothing_are_refused(primaries):
    with pytest.raises(ValueError, match=r"a colour without light|on one line"):
        matrix_profile(1.0, primaries=primaries)


def number(value):
    return round(value * 100_000).to_bytes(4, "big")


CHRM = b"".join(number(value) for pair in ((0.3127, 0.3290), *P3) for value in pair)
SAID = {
    "gamma alone": ([(b"gAMA", number(1.0))], encode_srgb(COLOURS / 255)),
    "gamma and primaries": ([(b"gAMA", number(1 / 2.2)), (b"cHRM", CHRM)], from_p3(COLOURS)),
    "gamma near that of sRGB": ([(b"gAMA", number(0.4545))], COLOURS),
    "sRGB wins over gamma": ([(b"sRGB", b"\0"), (b"gAMA", number(1.0))], COLOURS),
    "a profile wins over gamma": ([icc_chunk(SRGB), (b"gAMA", number(1.0))], COLOURS),
    "a code wins over a profile": ([(b"cICP", b"\1\x08\0\1"), icc_chunk(WIDE)], encode_srgb(COLOURS / 255)),
    "a code that is not known": ([(b"cICP", b"\x09\x10\0\1"), icc_chunk(SRGB)], COLOURS),
    "gamma of nothing": ([(b"gAMA", bytes(4))], COLOURS),
    "gamma too short": ([(b"gAMA", b"\1")], COLOURS),
    "gamma with a wrong checksum": ([chunk(b"gAMA", number(1.0), sound=False)], COLOURS),
    "gamma with primaries on one line": (
        [(b"gAMA", number(1.0)), (b"cHRM", number(0.3) * 8)],
        encode_srgb(COLOURS / 255),
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_png_says_of_its_colours_is_heard(name):
    before, wanted = SAID[name]
    assert np.abs(shown(png(COLOURS, before=before)) - wanted).mean() < 2


def logo(colour, *, opacity=255):
    picture = Image.new("RGBA", (64, 48), (*colour, 0))
    picture.paste((*colour, opacity), (16, 12, 48, 36))
    return picture


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_a_white_picture_on_nothing_lies_on_a_dark_ground(kind):
    found = shown(encoded(logo((255, 255, 255)), kind))
    assert found[24, 32].min() > 240
    assert found[2, 2].max() < 60


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 30, 30), (190, 190, 190)])
def test_any_other_lies_on_white(colour):
    found = shown(encoded(logo(colour), "PNG"))
    assert found[2, 2].min() == 255
    assert np.abs(found[24, 32] - colour).max() <= 1


def test_white_with_a_dark_outline_lies_on_white():
    picture = logo((255, 255, 255))
    picture.paste((0, 0, 0, 255), (16, 12, 20, 36))
    assert shown(encoded(picture, "PNG"))[2, 2].min() == 255


def test_two_white_logos_are_two_pictures():
    other = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    other.paste((255, 255, 255, 255), (2, 2, 20, 46))
    assert np.abs(shown(encoded(logo((255, 255, 255)), "PNG")) - shown(encoded(other, "PNG"))).mean() > 30


def test_a_picture_that_is_transparent_everywhere_is_shown():
    picture = scene().convert("RGBA")
    picture.putalpha(0)
    assert np.abs(shown(encoded(picture, "PNG")) - pixels(scene())).max() == 0


def bmp_without_opacity():
    """32 bits with a mask for alpha, all of it zero, as some programs write it (BITMAPV4HEADER)."""
    rgb = np.asarray(scene())[::-1]
    body = np.concatenate([rgb[:, :, ::-1], np.zeros((48, 64, 1), np.uint8)], axis=2).tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 64, 48, 1, 32, 3, len(body), 0, 0, 0, 0) + masks + bytes(52)
    return struct.pack("<2sIHHI", b"BM", 122 + len(body), 0, 0, 122) + header + body


def test_a_bmp_whose_opacity_is_all_zero_is_shown():
    assert np.abs(shown(bmp_without_opacity()) - pixels(scene())).max() == 0


def test_what_no_frame_of_a_gif_covers_is_transparent():
    found = shown(frame_in_canvas((64, 48), (16, 12, 48, 36), (200, 20, 20)))
    assert found[2, 2].tolist() == [255, 255, 255]
    assert np.abs(found[24, 32] - (200, 20, 20)).max() <= 1


def test_a_tiff_s_profile_counts_for_deep_samples_too():
    deep = COLOURS.astype(np.uint16) * 257
    found = shown(tiff(deep, photometric=2, tags=[(34675, 7, list(WIDE))]))
    assert np.abs(found - from_p3(COLOURS)).mean() < 3
