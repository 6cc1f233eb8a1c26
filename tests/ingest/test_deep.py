"""Samples of more than 8 bits: every layout of a TIFF shows the same picture, and what is there can be seen."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import UnsupportedPicture
from retrieval.ingest.decode import decode
from retrieval.ingest.deep import Depth, to_bytes, window
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest.odd import pixels, png, tiff
from tests.ingest.pictures import encoded, scene

WANTED = DecodeRequest(working_side=512)
GREY = np.asarray(scene().convert("L"))
COLOURS = np.asarray(scene())


def shown(data):
    return decode(data, WANTED).pixels.astype(int)


def far(data, wanted):
    return np.abs(shown(data) - (wanted if wanted.ndim == 3 else wanted[:, :, None])).max()


TYPES = {"u2": 65_535, "u4": 2**32 - 1, "f4": 1, "f8": 1}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("big", [False, True])
def test_grey_of_every_type_is_the_same_picture(kind, order, big):
    data = tiff((GREY / 255 * TYPES[kind]).astype(kind), order=order, big=big)
    assert far(data, GREY.astype(int)) <= 1


LAYOUTS = [
    {"planar": planar, "packed": packed, "tile": tile, "order": order}
    for planar, packed, tile, order in itertools.product((1, 2), (False, True), (0, 16), "<>")
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_colours_of_every_layout_are_the_same_picture(kind, layout):
    data = tiff((COLOURS / 255 * TYPES[kind]).astype(kind), photometric=2, **layout)
    assert far(data, COLOURS.astype(int)) <= 1


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize(("kind", "predictor"), [("u2", 2), ("u4", 2), ("f4", 3), ("f8", 3)])
@pytest.mark.parametrize("order", "<>")
def test_differences_are_added_up(kind, predictor, tile, order):
    samples = (COLOURS / 255 * TYPES[kind]).astype(kind)
    data = tiff(samples, photometric=2, packed=True, predictor=predictor, tile=tile, order=order)
    assert far(data, COLOURS.astype(int)) <= 1


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_packed_grey_is_read(compression):
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert far(encoded(deep, "TIFF", compression=compression), GREY.astype(int)) <= 1


def test_white_may_be_zero():
    assert far(tiff(65_535 - GREY.astype(np.uint16) * 257, photometric=0), GREY.astype(int)) <= 1


def test_alpha_beside_deep_colours_shows_white():
    samples = np.dstack([COLOURS.astype(np.uint16) * 257, np.where(np.arange(64) < 32, 0, 65_535)[None].repeat(48, 0)])
    found = shown(tiff(samples.astype(np.uint16), photometric=2, tags=[(338, 3, [2])]))
    assert found[:, :32].min() == 255
    assert np.abs(found[:, 32:] - COLOURS[:, 32:]).max() <= 1


def test_cmyk_beside_more_samples_is_read():
    ink = np.dstack([255 - COLOURS, np.zeros((48, 64, 2), np.uint8)])
    assert far(tiff(ink, photometric=5, tags=[(338, 3, [2])]), COLOURS.astype(int)) <= 1


def test_a_big_tiff_whose_highest_byte_comes_first_is_read():
    assert far(tiff(COLOURS, photometric=2, big=True, order=">"), COLOURS.astype(int)) == 0


@pytest.mark.parametrize("scale", [1, 257])
def test_a_colour_map_of_eight_bits_is_read(scale):
    table = np.random.default_rng(1).integers(0, 256, (3, 256))
    data = tiff(GREY, photometric=3, tags=[(320, 3, (table * scale).ravel().tolist())])
    assert far(data, table.T[GREY]) == 0


USED = {
    "12 of 16 bits": (GREY.astype(np.uint16) * 16, GREY),
    "8 of 16 bits": (GREY.astype(np.uint16), GREY),
    "float to 255": (GREY.astype(np.float32), GREY),
}


@pytest.mark.parametrize("name", USED)
def test_the_range_in_use_is_shown(name):
    samples, wanted = USED[name]
    assert far(tiff(samples), wanted.astype(int)) <= 1


STRETCHED = {
    "computed tomography": (GREY.astype(np.int16) * 8 - 1024),
    "a warm wall": (30_000 + GREY.astype(np.uint16)),
    "heights": (GREY.astype(np.float32) * 3 - 100),
    "hot pixels": np.where(np.arange(64 * 48).reshape(48, 64) == 5, 1e6, GREY * 2e-4).astype(np.float32),
    "holes": np.where(np.arange(64) % 9 == 0, np.nan, GREY * 7.0).astype(np.float32),
    "a mask of few pixels": np.where(np.arange(64 * 48).reshape(48, 64) == 700, 1, 0).astype(np.uint16),
}


@pytest.mark.parametrize("name", STRETCHED)
def test_what_is_in_a_narrow_range_is_seen(name):
    found = shown(tiff(STRETCHED[name]))
    assert found.max() - found.min() >= 200 if name != "a mask of few pixels" else found[700 // 64, 700 % 64].min() > 0


def test_no_data_is_black_and_no_part_of_the_range():
    samples = np.where(np.arange(64) < 20, -9999, GREY * 5.0).astype(np.float32)
    found = shown(tiff(samples, tags=[(42113, 2, list(b"-9999\0"))]))
    assert found[:, :20].max() == 0
    assert found[:, 20:].std() > 30
    assert shown(tiff(samples))[:, 20:].std() < 30


def test_a_declared_range_counts():
    samples = GREY.astype(np.uint16) * 2
    assert far(tiff(samples, tags=[(281, 3, [511])]), samples * (255 / 511)) <= 1


def test_a_range_is_kept_where_most_of_it_is_used():
    values = np.linspace(10_000, 60_000, 4_096).reshape(64, 64).astype(np.uint16)
    assert window(values) == (0, 65_535)
    assert window(values // 16) == (0, 4_095)
    assert window(values // 2 + 20_000)[0] > 20_000


def test_colours_keep_their_range():
    dark = COLOURS.astype(np.uint16) * 100
    assert window(dark) == (0, 65_535)


def test_depth_says_where_the_range_ends():
    assert window(np.full((4, 4), 300, np.uint16), Depth(top=999.0)) == (0, 999)
    assert to_bytes(np.array([[0, 999]], np.uint16), Depth(top=999.0)).tolist() == [[0, 255]]


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_scaling_is_as_written(kind):
    samples = (np.random.default_rng(2).uniform(0, 100, (300, 5)) + 7).astype(kind)
    low, high = window(samples)
    wanted = [[round(min(max((float(v) - low) / (high - low), 0), 1) * 255) for v in row] for row in samples]
    assert np.abs(to_bytes(samples).astype(int) - wanted).max() <= 1


def test_grey_of_16_bits_in_a_png_may_use_12(tmp_path):
    samples = GREY.astype(np.uint16) * 16
    assert far(png(samples, bits=16, colour=0, before=[(b"sBIT", b"\x0c")]), GREY.astype(int)) <= 1


def test_one_deep_colour_is_transparent_in_a_png():
    samples = np.full((20, 30), 40_000, np.uint16)
    samples[:, :10], samples[:, 10:15] = 0x1234, 0x1235
    found = shown(png(samples, bits=16, colour=0, before=[(b"tRNS", b"\x12\x34")]))
    assert found[:, :10].min() == 255
    assert found[:, 10:15].max() < 60


def test_one_of_deep_colours_is_transparent_to_the_last_bit():
    samples = np.full((20, 30, 3), 40_000, np.uint16)
    samples[:, :10], samples[:, 10:15] = (0x1234, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9ABD)
    found = shown(png(samples, bits=16, colour=2, before=[(b"tRNS", b"\x12\x34\x56\x78\x9a\xbc")]))
    assert found[:, :10].min() == 255
    assert found[0, 12].tolist() == [0x12, 0x56, 0x9A]


def test_a_child_without_files_reads_them_too():
    """What numpy loads at its first use is loaded before a child gives its files up."""
    kinds = [tiff(GREY.astype(kind), packed=kind == "f4") for kind in ("u2", "i2", "u4", "f4", "f8")]
    kinds += [tiff(COLOURS.astype(np.uint16), photometric=2), png(COLOURS, before=[(b"gAMA", b"\0\1\x86\xa0")])]
    pool = Sandbox(PoolSettings(processes=1, tasks_per_child=1))
    try:
        assert [pool.decode(data, WANTED).width for data in kinds] == [64] * len(kinds)
    finally:
        pool.close()


def test_a_sound_tiff_of_another_kind_is_called_that():
    with pytest.raises(UnsupportedPicture) as caught:
        decode(tiff(np.dstack([GREY] * 2), photometric=32_845), WANTED)
    assert caught.value.code == "tiff_kind_not_read"


def test_a_deep_tiff_cut_off_is_damaged():
    data = tiff(COLOURS.astype(np.uint16) * 257, photometric=2)
    moved = data[:8] + data[20_000:]
    for broken in (data[:100], data[:-30], moved):
        with pytest.raises(UnsupportedPicture) as caught:
            decode(broken, WANTED)
        assert caught.value.code == "picture_damaged"


def test_orientation_of_a_deep_tiff_is_applied():
    samples = np.zeros((40, 60), np.uint16)
    samples[:20, :20] = 65_535
    decoded = decode(tiff(samples, tags=[(274, 3, [6])]), WANTED)
    assert (decoded.width, decoded.height) == (40, 60)
    assert decoded.pixels[5, 35].min() == 255


def test_pillow_s_own_reading_agrees_where_it_is_right():
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    by_pillow = np.asarray(Image.open(io.BytesIO(encoded(deep, "TIFF")))) // 257
    assert far(encoded(deep, "TIFF"), by_pillow.astype(int)) <= 1
    assert np.array_equal(pixels(scene()), COLOURS)
