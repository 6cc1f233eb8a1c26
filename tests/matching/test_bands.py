"""Bands follow the probability, and an answer's word follows its best band."""

from __future__ import annotations

import pytest

from retrieval.matching import Band, Match, band, band_begins, match


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(1.0, Band.VERY_ALIKE), (0.75, Band.VERY_ALIKE), (0.74, Band.ALIKE), (0.4, Band.ALIKE), (0.39, Band.WEAK)],
)
def test_bands_follow_the_probability(probability, expected):
    assert band(probability) == expected


@pytest.mark.parametrize(
    ("bands", "nothing", "expected"),
    [
        ([Band.WEAK, Band.SAME_FILE], True, Match.SAME),
        ([Band.SAME_IMAGE], False, Match.SAME),
        ([Band.VERY_ALIKE, Band.WEAK], False, Match.LIKELY),
        ([Band.VERY_ALIKE], True, Match.NONE),
        ([Band.ALIKE], False, Match.POSSIBLE),
        ([Band.WEAK], False, Match.POSSIBLE),
        ([], False, Match.NONE),
    ],
)
def test_the_best_hits_say_what_the_answer_amounts_to(bands, nothing, expected):
    assert match(bands, nothing=nothing) == expected


@pytest.mark.parametrize("wanted", [Band.VERY_ALIKE, Band.ALIKE, Band.WEAK])
def test_a_band_begins_where_a_hit_falls_into_it(wanted):
    begins = band_begins(wanted)
    assert band(begins) == wanted
    assert begins == 0 or band(begins - 1e-9) != wanted
