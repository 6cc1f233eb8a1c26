"""Keys that a picture and its copies share, and verdicts said the other way round."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from retrieval.ingest import fingerprint
from retrieval.matching import QueryPicture, compare_stored, copy_keys, local_features, undone
from tests.matching.conftest import extracted, pixels, scene

ORIGINAL = scene(11)
TURNS = {
    "mirrored": ImageOps.mirror(ORIGINAL),
    "turned": ORIGINAL.transpose(Image.Transpose.ROTATE_90),
    "upside down": ORIGINAL.rotate(180),
    "transposed": ORIGINAL.transpose(Image.Transpose.TRANSPOSE),
}
EDITS = {
    "cropped": ORIGINAL.crop((70, 50, 270, 200)),
    "smaller": ORIGINAL.resize((160, 120), Image.Resampling.LANCZOS),
    "ten degrees": ORIGINAL.rotate(10, Image.Resampling.BICUBIC, expand=True),
}


def features(picture):
    return local_features.unpack(local_features.pack(extracted(pixels(picture))))


def literal_keys(found):
    """Word by word: the signs of the strongest coefficients about their means, as one number."""
    keys = set()
    for descriptor in found.descriptors:
        bits = [descriptor[i] > local_features.CENTRE[i] for i in range(copy_keys.SIGNS)]
        keys.add(sum(int(bit) << place for place, bit in enumerate(bits)))
    return sorted(keys)


def test_corner_keys_are_the_signs_of_coefficients():
    found = features(ORIGINAL)
    assert copy_keys.of_corners(found) == literal_keys(found)
    assert max(copy_keys.of_corners(found)) < 2**36


@pytest.mark.parametrize("name", [*TURNS, *EDITS])
def test_a_copy_shares_more_corner_keys_with_its_original_than_any_stranger(name):
    kept = set(copy_keys.of_corners(features(ORIGINAL)))
    copy = features({**TURNS, **EDITS}[name])
    shared = len(kept & set(copy_keys.asked_corners(copy)))
    assert shared >= 8
    # These scenes are drawn of the same few shapes, so that strangers share more than photographs do.
    for seed in range(20, 24):
        assert len(kept & set(copy_keys.asked_corners(features(scene(seed))))) < shared / 2


def test_without_mirroring_a_mirrored_copy_would_share_next_to_none():
    kept, copy = (set(copy_keys.of_corners(features(each))) for each in (ORIGINAL, TURNS["mirrored"]))
    assert len(kept & copy) < 5


@pytest.mark.parametrize("name", TURNS)
def test_a_turned_print_is_near_the_print_of_the_turned_picture(name):
    one, other = (fingerprint.bit_text(fingerprint.pdq(each)) for each in (ORIGINAL, TURNS[name]))
    turned = copy_keys.turns(one)
    assert min(fingerprint.apart(each, other) for each in turned) <= copy_keys.NEAR < fingerprint.apart(one, other)
    assert set(copy_keys.asked_prints(turned)) & set(copy_keys.of_print(other))
    assert len(set(turned)) == 8


def test_a_print_has_a_key_for_each_piece_with_its_place():
    pdq = "1" + "0" * 254 + "1"
    assert copy_keys.of_print(pdq) == [1, *(place << 16 for place in range(1, 15)), (15 << 16) + 2**15]
    assert copy_keys.of_print("") == []


def stored(picture):
    return QueryPicture(picture.size, features(picture), ())


@pytest.mark.parametrize("turn", [0, 90, 180])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_other_way_round_is_what_comparing_the_other_way_says(turn, mirrored):
    copy = (ImageOps.mirror(ORIGINAL) if mirrored else ORIGINAL).rotate(-turn, expand=True)
    copy = copy.crop((60, 40, 200, 180))
    there, back = compare_stored(stored(ORIGINAL), stored(copy)), compare_stored(stored(copy), stored(ORIGINAL))
    assert set(undone(there.edit)) == set(back.edit)
    np.testing.assert_allclose(there.query_outline, back.outline, atol=0.03)
