"""Local features: found, kept in a few kB, and mirrored without a second look."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import RetrievalError
from retrieval.matching import local_features
from retrieval.matching.local_features import BASIS, COEFFICIENTS
from tests.matching.conftest import pixels, scene


def test_descriptors_are_unit_vectors():
    found = local_features.extract(pixels(scene(1)))
    for each in (found, local_features.unpack(local_features.pack(found))):
        np.testing.assert_allclose(np.linalg.norm(each.descriptors, axis=1), 1, atol=1e-5)


def test_a_picture_has_features_and_an_even_one_has_none():
    found = local_features.extract(pixels(scene(1)))
    even = local_features.extract(np.full((40, 60, 3), 128, np.uint8))
    assert 100 < len(found) <= local_features.KEPT
    assert (found.points >= 0).all()
    assert (found.points <= [found.width, found.height]).all()
    assert (found.width, found.height) == (1, 0.75)
    assert len(even) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (700, 3), (2000, 1500)])
def test_any_shape_is_looked_at(shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = local_features.extract(noise)
    assert len(local_features.unpack(local_features.pack(found))) == len(found)


def test_a_small_picture_is_enlarged_to_have_some():
    small = scene(1).resize((64, 48), Image.Resampling.LANCZOS)
    assert len(local_features.extract(pixels(small))) > 40


def test_packed_they_are_small_and_nearly_the_same():
    found = local_features.extract(pixels(scene(2)))
    packed = local_features.pack(found)
    back = local_features.unpack(packed)
    assert len(packed) <= 7 + 33 * local_features.KEPT
    np.testing.assert_allclose(back.points, found.points, atol=1e-4)
    np.testing.assert_allclose(back.sizes, found.sizes, rtol=0.02)
    np.testing.assert_allclose((back.angles - found.angles + 180) % 360 - 180, 0, atol=0.8)
    np.testing.assert_allclose(back.colours, found.colours, atol=0.5)
    assert np.linalg.norm(back.descriptors - found.descriptors, axis=1).mean() < 0.15


@pytest.mark.parametrize("spoilt", [b"", b"\x01", lambda data: data[:-1], lambda data: b"\x07" + data[1:]])
def test_other_bytes_are_refused(spoilt):
    good = local_features.pack(local_features.extract(pixels(scene(2))))
    with pytest.raises(RetrievalError) as raised:
        local_features.unpack(spoilt(good) if callable(spoilt) else spoilt)
    assert raised.value.code == "features_invalid"


def test_the_basis_is_the_cosine_and_fourier_transform_written_out():
    raw = np.random.default_rng(3).random((4, 4, 8))
    for place, coefficient in enumerate(COEFFICIENTS[:12]):
        row, column, wave = coefficient // 32, coefficient // 8 % 4, coefficient % 8
        total = 0.0
        for r in range(4):
            for c in range(4):
                for o in range(8):
                    turn = 2 * math.pi * ((wave + 1) // 2) * o / 8
                    along = math.sin(turn) if wave and wave % 2 == 0 else math.cos(turn)
                    along *= math.sqrt((1 if wave in (0, 7) else 2) / 8)
                    for index, at in ((row, r), (column, c)):
                        along *= math.cos(math.pi * (2 * at + 1) * index / 8) * math.sqrt((2 if index else 1) / 4)
                    total += along * raw[r, c, o]
        assert math.isclose(float(BASIS[place] @ raw.ravel()), total, abs_tol=1e-5)


def test_mirrored_features_are_those_of_the_mirrored_picture():
    picture = pixels(scene(4))
    turned_over = local_features.extract(picture).mirrored()
    anew = local_features.extract(np.ascontiguousarray(picture[:, ::-1]))
    places = np.linalg.norm(turned_over.points[:, None] - anew.points[None], axis=2)
    angles = np.abs((turned_over.angles[:, None] - anew.angles[None] + 180) % 360 - 180)
    sizes = np.abs(np.log2(turned_over.sizes[:, None] / anew.sizes[None]))
    pairs = np.argwhere((places < 0.003) & (angles < 3) & (sizes < 0.1))
    apart = np.linalg.norm(turned_over.descriptors[pairs[:, 0]] - anew.descriptors[pairs[:, 1]], axis=1)
    assert len(pairs) > 0.7 * len(anew)
    assert np.median(apart) < 0.05
