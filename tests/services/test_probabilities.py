"""The curve of calibration of an evaluation, against one computed answer by answer in the slowest way."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from retrieval.evaluation import Grades, LabelledSet, Plan, Trial, evaluate, judged
from retrieval.matching import Calibration
from retrieval.matching.curves import Curve
from retrieval.services.evaluation import probabilities
from tests.factories import EncoderFactory

CALIBRATION = Calibration(
    strangers=Curve((-1.0, 1.0), (0.0, -3.0)),
    right=Curve((-2.1, -1.2), (0.98, 0.02)),
    growth=0.5,
    nothing_below=0.0,
    fitted_on={},
)


@pytest.fixture
def encoder():
    return EncoderFactory.build(calibration=CALIBRATION.to_dict())


def pictures(count: int, *, seed: int) -> LabelledSet:
    """Labels of very different size, one of a single picture; groups of several sizes, and some of no group."""
    generator = np.random.default_rng(seed)
    labels = np.minimum(generator.geometric(0.4, count) - 1, 4)
    labels[labels == 4] = 3
    labels[0] = 4
    vectors = 3 * np.eye(5)[labels] + generator.normal(size=(count, 5))
    return LabelledSet(
        vectors.astype(np.float32), labels, tuple("abcde"), tuple(map(str, range(count))),
        groups=np.where(np.arange(count) % 3 == 0, -1, generator.integers(0, 7, count)),
    )  # fmt: skip


def literally(trial: Trial) -> list[tuple[float, float, int]]:
    """(mean said, share right, count) of each tenth: one query, one answer at a time."""
    said, right = defaultdict(list), defaultdict(list)
    for row, asked in enumerate(trial.asked.items):
        own = trial.asked.group_numbers[row]
        may = [
            place for place, item in enumerate(trial.gallery.items)
            if not (trial.queries is None or trial.grades) or item != asked
            if trial.plan.group_rule != "exclude" or own == -1 or trial.gallery.group_numbers[place] != own
        ]  # fmt: skip
        query = trial.asked.vectors[row]
        cosines = {
            place: float(query @ other / np.linalg.norm(query) / np.linalg.norm(other))
            for place, other in ((place, trial.gallery.vectors[place]) for place in may)
        }
        for place in sorted(may, key=lambda place: -cosines[place])[: trial.plan.depth]:
            if trial.grades and not (grade := trial.grades.said(row, place)):
                continue
            suits = float(grade) >= 1 if trial.grades else trial.gallery.labels[place] == trial.asked.labels[row]
            probability = CALIBRATION.probability([cosines[place]], candidates=len(may))[0]
            said[int(10 * probability)].append(probability)
            right[int(10 * probability)].append(suits)
    return [(np.mean(said[tenth]), np.mean(right[tenth]), len(said[tenth])) for tenth in sorted(said)]


def by_labels(rule: str, *, apart: bool) -> Trial:
    gallery, queries = pictures(60, seed=1), pictures(11, seed=2) if apart else None
    plan = Plan(group_rule=rule, depth=7)
    return Trial(evaluate(gallery, queries=queries, plan=plan), gallery, queries, plan)


def by_judgements() -> Trial:
    gallery, generator = pictures(40, seed=3), np.random.default_rng(4)
    pairs = [(row, place) for row in range(6) for place in range(40) if generator.random() < 0.5 and place != row + 2]
    query, answer = np.array(pairs).T
    grades = Grades(np.arange(2, 8), query, answer, generator.integers(0, 3, len(pairs)).astype(float))
    plan = judged.plan(Plan())
    return Trial(judged.evaluate(gallery, grades=grades, plan=plan), gallery, grades.queries(gallery), plan, grades)


@pytest.mark.parametrize(
    "trial",
    [
        by_labels("ignore", apart=False), by_labels("exclude", apart=False), by_labels("exclude", apart=True),
        by_labels("count", apart=True), by_judgements(),
    ],
)  # fmt: skip
def test_each_tenth_is_what_the_answers_say_one_by_one(trial, encoder, monkeypatch):
    monkeypatch.setattr(probabilities.ranking, "BLOCK_CELLS", 200)
    found = probabilities.curve(encoder, trial)
    expected = literally(trial)
    assert len(expected) >= 4
    assert [each.count for each in found] == [count for _, _, count in expected]
    assert np.allclose([(each.said, each.seen) for each in found], [row[:2] for row in expected], atol=1e-6)


def test_there_is_none_without_a_calibration_and_by_another_measure(encoder):
    trial = by_labels("ignore", apart=False)
    assert probabilities.curve(EncoderFactory.build(calibration={}), trial) is None
    plan = Plan(measure="pearson")
    other = Trial(evaluate(trial.gallery, plan=plan), trial.gallery, None, plan)
    assert probabilities.curve(encoder, other) is None
