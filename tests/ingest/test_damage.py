"""Damage: files cut off everywhere and two thousand flipped bits, through the sandbox; never half a picture."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from PIL import ImageFile

from retrieval.errors import RetrievalError, UnsupportedPicture
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest.pictures import FORMATS, encoded, sample, scene

WANTED = DecodeRequest(working_side=512, thumbnail_sizes=(320,))
FLIPS = [300, pytest.param(2_000, marks=pytest.mark.long)]
SAMPLES = {
    **{kind: sample(kind) for kind in FORMATS},
    **{f"larger {kind}": sample(kind, seed=1, size=(160, 120)) for kind in FORMATS},
    "progressive JPEG": encoded(scene(90, 70), "JPEG", progressive=True),
    "grey JPEG": encoded(scene(90, 70).convert("L"), "JPEG"),
    "lossless WebP": encoded(scene(90, 70), "WEBP", lossless=True),
    "palette PNG": encoded(scene(90, 70).quantize(16), "PNG"),
    "packed TIFF": encoded(scene(90, 70), "TIFF", compression="tiff_lzw"),
    "animated GIF": encoded(scene(90, 70), "GIF", save_all=True, append_images=[scene(90, 70, seed=2)]),
}


@pytest.fixture(scope="module")
def pool():
    """The sandbox as it is in use."""
    real = Sandbox(PoolSettings(processes=1))
    yield real
    real.close()


def cuts(data):
    """The file cut off at every twentieth part."""
    return [data[: len(data) * percent // 100] for percent in range(5, 100, 5)]


def halves(decoder):
    """Cut every sample everywhere; return the names of those that came as half a picture, and how each cut ended."""
    wrong, ends = [], Counter()
    for name, data in SAMPLES.items():
        whole = decoder(data, WANTED).pixels
        for part in cuts(data):
            try:
                same = np.array_equal(decoder(part, WANTED).pixels, whole)
                ends["whole" if same else "half"] += 1
                wrong += [] if same else [name]
            except UnsupportedPicture as error:
                ends[error.code] += 1
    return wrong, ends


def test_a_file_cut_off_anywhere_is_never_half_a_picture(pool, figure):
    assert len(SAMPLES) == 20 + 2 * 3
    wrong, ends = halves(pool.decode)
    assert wrong == []
    assert set(ends) <= {"whole", "picture_damaged", "format_not_allowed", "raw_not_read"}
    figure(f"{len(SAMPLES)} samples cut at every 5 %: {dict(ends.most_common())}")


@pytest.mark.parametrize("flips", FLIPS)
def test_thousands_of_flipped_bits_neither_crash_nor_hang(pool, figure, flips):
    dice, ends = random.Random(7), Counter()
    for name in dice.choices(sorted(SAMPLES), k=flips):
        broken = bytearray(SAMPLES[name])
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        try:
            decoded = pool.decode(bytes(broken), WANTED)
            assert decoded.pixels.ndim == 3
            ends["picture"] += 1
        except RetrievalError as error:
            ends[error.code] += 1
    assert not set(ends) & {"decoder_crashed", "decoder_timeout", "decoder_memory"}
    figure(f"{ends.total():,} flipped bits: {dict(ends.most_common())}")


def test_where_truncated_files_are_loaded_there_are_half_pictures(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    wrong, _ = halves(decode)
    assert {"JPEG", "PNG"} <= set(wrong)
