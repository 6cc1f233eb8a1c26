"""A calibration fitted on drawn pictures says what is then seen on others drawn alike."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching import Calibration, Sample, fit
from retrieval.matching.calibration import reliability
from retrieval.matching.open_set import all_closeness, refusals

LABELS, EACH, DIMENSION = 20, 20, 32
CENTRES = np.random.default_rng(7).normal(size=(LABELS, DIMENSION))


def drawn(*, seed: int, sets: int = 1, each: int = EACH, widest: float = 1.6, count: int = LABELS) -> Sample:
    """Pictures around fixed centres, some labels' wide, some narrow."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), each)
    spread = np.linspace(0.4, widest, count)[labels, None]
    vectors = CENTRES[labels] + spread * generator.normal(size=(len(labels), DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Sample(vectors.astype(np.float32), labels, labels % sets)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit(drawn(seed=0))


def hits(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the first 24 hits of each picture, and which are right."""
    scores = sample.vectors @ sample.vectors.T
    np.fill_diagonal(scores, -1)
    first = np.argsort(-scores, axis=1)[:, :24]
    right = sample.labels[first] == sample.labels[:, None]
    return np.take_along_axis(scores, first, axis=1).ravel(), right.ravel()


def test_what_is_said_of_hits_is_seen_in_every_tenth(calibration):
    scores, right = hits(drawn(seed=1))
    said = calibration.probability(scores, candidates=LABELS * EACH - 1)
    table = reliability(said, right)
    assert len(table) >= 5
    assert sum(each.count for each in table) == len(scores)
    for each in table:
        assert abs(each.said - each.seen) <= 0.05 + 3 * np.sqrt(0.25 / each.count)


def test_answers_of_a_part_of_the_pictures_are_read_as_deep_and_no_deeper():
    """Some classes are wide: to read 24 hits of a third of the pictures says too little of what stands at .3 to .4."""
    scores, right = hits(drawn(seed=1, each=40, widest=2.5, count=10))
    fitted = fit(drawn(seed=0, each=40, widest=2.5, count=10))
    often = [each for each in reliability(fitted.probability(scores, candidates=399), right) if each.count >= 1_000]
    assert len(often) == 4
    assert max(abs(each.said - each.seen) for each in often) < 0.05


def test_as_many_strangers_score_as_high_as_are_expected(calibration):
    other = drawn(seed=2)
    strange = other.labels[:, None] != other.labels
    scores = other.vectors @ other.vectors.T
    for score in (0.1, 0.3, 0.5):
        seen = ((scores >= score) & strange).sum() / len(other.labels)
        said = calibration.expected_strangers([score], candidates=strange[0].sum())[0]
        assert said == pytest.approx(seen, rel=0.25)


def test_expected_strangers_grow_with_the_candidates(calibration):
    few, many = (calibration.expected_strangers([0.4], candidates=n)[0] for n in (100, 10_000))
    assert many == pytest.approx(100 * few)
    assert calibration.expected_strangers([0.4], candidates=0)[0] == 0


def test_probability_never_falls_as_the_score_rises(calibration):
    said = calibration.probability(np.linspace(-1, 1, 201), candidates=500)
    assert (np.diff(said) >= 0).all()
    assert 0 <= said[0] < 0.2
    assert said[-1] > 0.9


def test_five_in_a_hundred_hopeful_queries_are_told_that_nothing_is_there(calibration):
    other = drawn(seed=3)
    itself = np.eye(len(other.labels), dtype=bool)
    hopeful = all_closeness(other.vectors, other.vectors, hidden=itself)
    strangers = np.random.default_rng(5).normal(size=(200, DIMENSION)).astype(np.float32)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    found = refusals(hopeful, all_closeness(strangers, other.vectors), nothing_below=calibration.nothing_below)
    assert found.false_alarms == pytest.approx(0.05, abs=0.04)
    assert found.refused > 5 * found.false_alarms


def test_pictures_of_two_sets_are_strangers_and_of_one_set_are_not():
    """With sets the strangers are those of other sets, so fewer of them come near than where labels divide."""
    vectors = drawn(seed=0)
    alike = Sample(np.concatenate([vectors.vectors, -vectors.vectors]), np.tile(vectors.labels, 2),
                   np.repeat([0, 1], len(vectors.labels)))  # fmt: skip
    expected = [fit(each).expected_strangers([0.5], candidates=1000)[0] for each in (vectors, alike)]
    assert expected[1] < 0.7 * expected[0]


def test_unlabelled_pictures_ask_nothing_and_are_strangers():
    sample = drawn(seed=0, sets=2)
    none = Sample(sample.vectors, np.where(sample.sets == 1, -1, sample.labels), sample.sets)
    assert fit(none).fitted_on["queries"] == (sample.sets == 0).sum()


def test_it_survives_json(calibration):
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


@pytest.mark.parametrize("data", [{}, {"strangers": 1}, {"strangers": {"x": [1], "y": ["a"]}, "right": {}}])
def test_other_json_is_refused(data):
    with pytest.raises(InvalidInput):
        Calibration.from_dict(data)


def test_too_few_labelled_pictures_are_refused():
    sample = drawn(seed=0)
    with pytest.raises(InvalidInput) as refused:
        fit(sample.only(np.arange(40)))
    assert "labels" in refused.value.fields
    with pytest.raises(InvalidInput):
        Sample(sample.vectors, sample.labels[:1], sample.sets)
