"""Protocols against a slow loop: who may be found, what counts, who is left out."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import metrics, protocol, ranking
from retrieval.evaluation.protocol import ALONE, LabelledSet, Plan


def labelled(size, *, seed=0, classes=4, groups=None):
    generator = np.random.default_rng(seed)
    return LabelledSet(
        vectors=generator.normal(size=(size, 6)),
        labels=generator.integers(0, classes, size),
        classes=tuple(f"class {number}" for number in range(classes)),
        items=tuple(f"item {number}" for number in range(size)),
        groups=generator.integers(ALONE, groups, size) if groups else None,
    )


def literal_answers(query, gallery, *, row, same_set, exclude):
    """Gallery numbers in the order a query gets them, by a plain loop."""
    x = query.vectors[row]
    cosine = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in gallery.vectors]
    order = sorted(range(len(gallery)), key=lambda item: (-cosine[item], item))
    kin = [g == query.group_numbers[row] != ALONE for g in gallery.group_numbers]
    return [item for item in order if not (same_set and item == row) and not (exclude and kin[item])], kin


@pytest.mark.parametrize("same_set", [True, False])
@pytest.mark.parametrize("rule", protocol.GROUP_RULES)
@pytest.mark.parametrize("cells", [50, 4_000_000])
def test_outcomes_agree_with_a_plain_loop(monkeypatch, same_set, rule, cells):
    monkeypatch.setattr(ranking, "BLOCK_CELLS", cells)
    gallery, queries = labelled(40, groups=6), labelled(40 if same_set else 15, seed=0 if same_set else 9, groups=6)
    plan = Plan(group_rule=rule, ks=(1, 4), depth=7)
    outcome = protocol.evaluate(gallery, queries=None if same_set else queries, plan=plan)
    for row in range(len(queries)):
        answers, kin = literal_answers(queries, gallery, row=row, same_set=same_set, exclude=rule == "exclude")
        hits = np.array([[gallery.labels[item] == queries.labels[row] for item in answers]])
        expected = [metric(hits)[0] for metric in metrics.catalogue((1, 4)).values()]
        np.testing.assert_allclose(outcome.scores[row], expected, rtol=1e-12)
        assert outcome.top[row].tolist() == answers[:7]
        assert outcome.first[row] == (hits.argmax() if hits.any() else -1)
        assert outcome.own_group_first[row] == kin[answers[0]]


def test_a_class_of_one_is_left_out_and_said_so():
    items = labelled(10)
    lonely = LabelledSet(items.vectors, np.array([0] * 9 + [3]), items.classes, items.items)
    outcome = protocol.evaluate(lonely)
    assert outcome.judged.tolist() == [True] * 9 + [False]
    assert np.isnan(outcome.scores[9]).all()
    assert np.isfinite(outcome.scores[:9]).all()


def test_hiding_the_own_group_makes_a_leak_visible():
    """Copies within a patient answer first; without them the encoder knows nothing."""
    generator = np.random.default_rng(0)
    patients = np.repeat(np.arange(30), 2)
    vectors = generator.normal(size=(30, 16))[patients]
    labels = (patients % 2).astype(np.int64)
    items = LabelledSet(vectors, labels, ("well", "ill"), tuple(map(str, range(60))), groups=patients)
    counted = protocol.evaluate(items, plan=Plan(group_rule="count"))
    hidden = protocol.evaluate(items, plan=Plan(group_rule="exclude"))
    first = counted.names.index("P@1")
    assert counted.own_group_first.all()
    assert counted.scores[:, first].mean() == 1
    assert not hidden.own_group_first.any()
    assert hidden.scores[:, first].mean() < 0.8


def test_fewer_answers_than_the_depth_are_filled():
    outcome = protocol.evaluate(labelled(3), plan=Plan(depth=5))
    assert (outcome.top[:, 2:] == -1).all()
    assert (outcome.top[:, :2] >= 0).all()


def test_progress_ends_at_the_last_query(monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK_CELLS", 40)
    seen = []
    protocol.evaluate(labelled(10), progress=lambda _what, done, total: seen.append((done, total)))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_sets_that_do_not_fit_are_refused():
    items = labelled(5)
    with pytest.raises(InvalidInput, match="equally many"):
        LabelledSet(items.vectors[:4], items.labels, items.classes, items.items)
    with pytest.raises(InvalidInput, match="number of a class"):
        LabelledSet(items.vectors, items.labels + 4, items.classes, items.items)
    with pytest.raises(InvalidInput, match="same classes"):
        protocol.evaluate(items, queries=labelled(5, classes=3))
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        protocol.evaluate(LabelledSet(np.zeros((0, 4)), np.zeros(0, np.int64), (), ()))


@pytest.mark.parametrize("wrong", [{"group_rule": "hide"}, {"ks": (0,)}, {"depth": 0}])
def test_plans_out_of_bounds_are_refused(wrong):
    with pytest.raises(InvalidInput):
        Plan(**wrong)
