"""Vectors in fewer bits against plain arithmetic, and their searches against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.compression import codes


@pytest.fixture
def vectors():
    return np.random.default_rng(0).gamma(1, size=(300, 70)).astype(np.float32)


def as_units(vectors):
    return np.stack([row / np.sqrt(sum(float(x) ** 2 for x in row)) for row in vectors])


def test_floats_and_halves_are_the_unit_vectors(vectors):
    np.testing.assert_allclose(codes.to_float(vectors).decode(), as_units(vectors), rtol=1e-6)
    np.testing.assert_allclose(codes.to_half(vectors).decode(), as_units(vectors), rtol=1e-3, atol=1e-6)


def test_signs_say_on_which_side_of_the_mean_a_number_lies(vectors):
    stored = codes.to_signs(vectors, calibration=vectors)
    units = as_units(vectors)
    np.testing.assert_array_equal(stored.decode() > 0, units > units.mean(axis=0, dtype=np.float32))
    assert stored.words.shape == (300, 2)


def test_fewer_different_bits_is_nearer(vectors):
    stored = codes.to_signs(vectors, calibration=vectors)
    query = codes.unit(vectors[:1])[0]
    bits = stored.decode() > 0
    apart = [sum(a != b for a, b in zip(bits[0], row, strict=True)) for row in bits]
    found = stored.nearest(query, 10)
    assert [apart[row] for row in found] == sorted(apart)[:10]
    np.testing.assert_array_equal(stored.decode() @ stored.decode()[0], 70 - 2 * np.array(apart))


@pytest.mark.parametrize("kind", [codes.to_float, codes.to_half])
def test_flat_codes_find_the_greatest_inner_products(vectors, kind, monkeypatch):
    monkeypatch.setattr(codes, "CELLS", 64 * 70)
    stored, query = kind(vectors), codes.unit(vectors[7:8])[0]
    expected = np.argsort(-(stored.decode().astype(np.float64) @ query), kind="stable")
    np.testing.assert_array_equal(stored.nearest(query, 12), expected[:12])
    assert len(stored.nearest(query, 1000)) == 300


def test_re_ranking_puts_the_candidates_of_the_signs_in_order(vectors):
    signs, halves = codes.to_signs(vectors, calibration=vectors), codes.to_half(vectors)
    query = codes.unit(vectors[3:4])[0]
    candidates = signs.nearest(query, 30)
    expected = sorted(candidates, key=lambda row: -(halves.decode()[row] @ query))[:8]
    assert codes.Reranked(signs, halves, 30).nearest(query, 8).tolist() == expected


def test_bytes_are_those_of_the_arrays(vectors):
    signs = codes.to_signs(vectors, calibration=vectors)
    sizes = [kind.bytes_each for kind in (
        codes.to_float(vectors), codes.to_half(vectors), signs,
        codes.Reranked(signs, codes.to_half(vectors), 5),
    )]  # fmt: skip
    assert sizes == [280, 140, 16, 156]


def test_zero_vectors_stay_zero():
    assert (codes.to_half(np.zeros((4, 5), np.float32)).decode() == 0).all()
