"""Looking further, against slow literal versions."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching import expansion
from retrieval.matching.calibration import Calibration
from retrieval.matching.curves import Curve
from retrieval.matching.exemplar import Exemplar, Moments
from retrieval.matching.expansion import Further, expanded, likely, reranked, smoothed


def units(count: int, *, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# A hit of a cosine c is right with probability c.
CALIBRATION = Calibration(
    strangers=Curve((0.0, 1.0), (0.0, -1.0)), right=Curve((-1.0, 0.0), (1.0, 0.0)), growth=0.0, nothing_below=0.0,
    fitted_on={},
)  # fmt: skip
MEAN = np.array([0.1, -0.2, 0, 0.05, 0], np.float32)


def likeness(one, other, mean=MEAN):
    one, other = one - mean, other - mean
    return max(0, float(one @ other) / np.linalg.norm(one) / np.linalg.norm(other))


def literal(query, neighbours, mean=MEAN):
    moved = query.copy()
    for each in neighbours:
        moved = moved + likeness(query, each, mean) ** 3 * each
    return moved / np.linalg.norm(moved)


def most_like(query, others, mean=MEAN):
    return sorted(others, key=lambda each: -likeness(query, each, mean))[:3]


def test_expanded_adds_neighbours_by_the_cube_of_their_likeness():
    query, near = units(1, seed=0)[0], units(4, seed=1)
    assert expanded(query, near, mean=MEAN) == pytest.approx(literal(query, near), abs=1e-6)
    assert expanded(query, near[:0], mean=MEAN) == pytest.approx(query)
    assert expanded(query, -query[None], mean=0 * MEAN) == pytest.approx(query)


def test_smoothed_expands_each_by_the_most_like_of_the_others():
    vectors = units(9, seed=2)
    for number, found in enumerate(smoothed(vectors, mean=MEAN)):
        others = list(np.delete(vectors, number, axis=0))
        assert found == pytest.approx(literal(vectors[number], most_like(vectors[number], others)), abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_shortlists_are_ranked_too(count):
    direction = units(1, seed=3)[0]
    assert sorted(reranked(direction, units(count, seed=4), mean=MEAN)) == list(range(count))


def test_further_ranks_as_its_steps_do_one_by_one(monkeypatch):
    monkeypatch.setattr(expansion, "SHORTLIST", 7)
    gallery = units(20, seed=5)
    exemplar = Exemplar.of(Moments.of(gallery))
    mean = gallery.mean(axis=0)
    scores = Further(gallery, gallery, exemplar, CALIBRATION, itself=True).scores(slice(0, 20))
    for number, query in enumerate(gallery):
        others = np.delete(np.arange(20), number)
        first = gallery[others[np.argsort(-(gallery[others] @ exemplar.directions(query[None])[0]))[:3]]]
        first = [each for each in first if each @ query >= 0.4 - 1e-6]
        moved = exemplar.directions(literal(query, first, mean)[None].astype(np.float32))[0]
        order = others[np.argsort(-(gallery[others] @ moved))]
        best = order[:7][np.argsort(-(smoothed(gallery[order[:7]], mean=mean) @ moved))]
        found = [place for place in np.argsort(-scores[number], kind="stable") if place != number]
        nearest = others[np.argmax(gallery[others] @ query)]
        expected = [*best, *order[7:]]
        assert found == [nearest, *(place for place in expected if place != nearest)]


def test_only_what_is_likely_is_a_neighbour():
    query = np.array([1, 0, 0, 0, 0], np.float32)
    near = np.array([[0.9, 0, 0, 0, 0.1], [0.41, 0, 0, 0, 0], [0.39, 0, 0, 0, 0], [-1, 0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(likely(query, near, calibration=CALIBRATION, candidates=20), near[:2])
    assert likely(query, near[:0], calibration=CALIBRATION, candidates=20).shape == (0, 5)
