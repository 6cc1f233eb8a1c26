"""Raw vectors become rows and queries."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput, RetrievalError
from retrieval.search import vectors
from retrieval.search.vectors import QueryVector

RANDOM = np.random.default_rng(7)


def query(*numbers: float) -> QueryVector:
    raw = np.array(numbers, dtype=np.float32)
    length = float(np.linalg.norm(raw))
    return QueryVector.of(raw / length, length=length)


def test_units_against_the_definitions():
    raw = RANDOM.normal(1, 1, (20, 33)).astype(np.float32)
    got = vectors.unit(raw)
    for row, vector in enumerate(raw):
        expected = vector / np.sqrt(sum(float(x) ** 2 for x in vector))
        assert got.vectors[row] == pytest.approx(expected, abs=1e-3)
        assert got.lengths[row] == pytest.approx(np.sqrt(sum(float(x) ** 2 for x in vector)), rel=1e-6)
        centred = expected - sum(expected) / len(expected)
        assert got.centred_lengths[row] == pytest.approx(np.sqrt(sum(centred**2)), abs=1e-3)


def test_units_are_rounded_as_the_column_rounds_them():
    got = vectors.unit(RANDOM.normal(0, 1, (5, 40)).astype(np.float32))
    assert (got.vectors == got.vectors.astype(np.float16)).all()


def test_huge_and_tiny_vectors_keep_their_direction():
    raw = np.array([[3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32)
    got = vectors.unit(raw)
    assert got.vectors == pytest.approx(np.array([[0.6, 0.8]] * 2), abs=1e-3)
    assert got.lengths == pytest.approx([5e30, 5e-30], rel=1e-5)


def test_zero_vector_gets_a_constant_direction_and_the_length_zero():
    got = vectors.unit(np.zeros((1, 16), dtype=np.float32))
    assert got.vectors[0] == pytest.approx(np.full(16, 0.25))
    assert got.lengths[0] == 0
    assert got.centred_lengths[0] == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(wrong):
    raw = np.ones((3, 4), dtype=np.float32)
    raw[1, 2] = wrong
    with pytest.raises(RetrievalError) as caught:
        vectors.unit(raw)
    assert caught.value.code == "vector_invalid"


def test_centred_query_is_a_unit_vector_without_mean():
    got = query(1, 2, 3).centred
    assert got == pytest.approx(np.array([-1, 0, 1]) / np.sqrt(2))


def test_centred_query_of_a_constant_vector_is_zero():
    assert (query(2, 2, 2).centred == 0).all()


def test_one_positive_is_the_query():
    only = query(1, 2, 3)
    assert vectors.combine([only]) is only


def test_several_pictures_against_rocchios_formula():
    positives, negatives = [query(1, 0, 0), query(0, 4, 0)], [query(0, 0, 2), query(0, 1, 0)]
    got = vectors.combine(positives, negatives=negatives)
    expected = 0.75 * np.array([0.5, 0.5, 0]) - 0.15 * np.array([0, 0.5, 0.5])
    assert got.unit == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert got.length == pytest.approx((1 + 4) / 2)


def test_pictures_that_cancel_out_are_refused():
    with pytest.raises(InvalidInput) as caught:
        vectors.combine([query(1, 0), query(-1, 0)])
    assert "negatives" in caught.value.fields
