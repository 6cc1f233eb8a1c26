"""Figures from graded answers against slow literal versions of their definitions, with what nobody judged."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import judged, markdown, report
from retrieval.evaluation.bootstrap import Bootstrap
from retrieval.evaluation.judged import Grades
from retrieval.evaluation.protocol import LabelledSet, Plan

PLAN = Plan(ks=(1, 3, 10, 60), bootstrap=Bootstrap(resamples=100))
NAN = float("nan")


def relevant(row):
    return [not math.isnan(grade) and grade >= 1 for grade in row]


def literal_average_precision(row):
    right = relevant(row)
    return sum(sum(right[: r + 1]) / (r + 1) for r in range(len(row)) if right[r]) / sum(right)


def literal_reciprocal_rank(row):
    return 1 / (relevant(row).index(True) + 1)


def literal_precision(row, k):
    return sum(relevant(row)[:k]) / k


def literal_ndcg(row, k):
    def gain(grades):
        return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

    known = [0 if math.isnan(grade) else grade for grade in row]
    return gain(known) / gain(sorted(known, reverse=True))


def literal_unjudged(row, k):
    return sum(math.isnan(grade) for grade in row[:k]) / len(row[:k])


LITERAL = {"mAP": literal_average_precision, "MRR": literal_reciprocal_rank}
LITERAL_AT = {"P": literal_precision, "nDCG": literal_ndcg, "unjudged": literal_unjudged}


def literal(name, row):
    stem, _, k = name.partition("@")
    return LITERAL_AT[stem](row, int(k)) if k else LITERAL[name](row)


def some_gains():
    """Ranked grades of 80 queries: most unjudged, means such as 0.5 and 1.5 among them, each with a relevant one."""
    generator = np.random.default_rng(4)
    gains = generator.choice([NAN, NAN, NAN, 0, 0, 0.5, 1, 1.5, 2], (80, 40))
    gains[~(gains >= 1).any(axis=1), 6] = 2
    return gains


NAMES = ["mAP", "MRR", *(f"{stem}@{k}" for k in PLAN.ks for stem in LITERAL_AT)]


def test_these_are_the_figures():
    assert list(judged.figures(some_gains(), plan=PLAN)) == NAMES
    assert list(judged.figures(some_gains(), plan=judged.plan(PLAN))) == [
        "mAP", "MRR", "P@10", "nDCG@10", "unjudged@10",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_agrees_with_its_definition(name):
    gains = some_gains()
    expected = [literal(name, row) for row in gains.tolist()]
    np.testing.assert_allclose(judged.figures(gains, plan=PLAN)[name], expected, rtol=1e-12)


def test_a_worked_example():
    found = judged.figures(np.array([[2, NAN, 1, 0, NAN]]), plan=Plan(ks=(3,)))
    assert {name: float(score[0]) for name, score in found.items()} == pytest.approx(
        {
            "mAP": (1 + 2 / 3) / 2,
            "MRR": 1,
            "P@3": 2 / 3,
            "nDCG@3": (2 + 1 / 2) / (2 + 1 / math.log2(3)),
            "unjudged@3": 1 / 3,
        }
    )


def test_a_better_grade_first_is_better_only_for_the_graded_figure():
    better, worse = (judged.figures(np.array([row]), plan=PLAN) for row in ([2.0, 1.0, 0.0], [1.0, 2.0, 0.0]))
    assert better["nDCG@3"] > worse["nDCG@3"]
    assert better["mAP"] == worse["mAP"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_query_without_a_relevant_answer_has_no_score(name):
    score = judged.figures(np.array([[0, NAN, 0.5]]), plan=PLAN)[name][0]
    assert np.isfinite(score) if name.startswith("unjudged") else np.isnan(score)


# A line of pictures: whoever is nearer on it is more alike.
LINE = LabelledSet(
    vectors=np.stack([np.cos([0, 0.1, 0.32, 0.6, 1]), np.sin([0, 0.1, 0.32, 0.6, 1])], axis=1).astype(np.float32),
    labels=np.zeros(5, np.int64),
    classes=("all",),
    items=tuple("abcde"),
)


def grades(*lines):
    """Grades from (query, answer, grade) by item names."""
    number = LINE.items.index
    asked = sorted({number(query) for query, _, _ in lines})
    return Grades(
        asked=np.array(asked),
        query=np.array([asked.index(number(query)) for query, _, _ in lines]),
        answer=np.array([number(answer) for _, answer, _ in lines]),
        grade=np.array([float(grade) for *_, grade in lines]),
    )


SOME = grades(("a", "b", 2), ("a", "d", 1), ("c", "a", 0), ("c", "e", 2), ("e", "d", 0))


def trial_of(said=SOME, *, gallery=LINE, plan=None):
    plan = plan or judged.plan(PLAN)
    outcome = judged.evaluate(gallery, grades=said, plan=plan)
    return report.Trial(outcome, gallery, said.queries(gallery), plan, said)


def test_rankings_are_scored_without_the_query_itself():
    outcome = trial_of(plan=Plan(ks=(2,), depth=5)).outcome
    np.testing.assert_array_equal(outcome.top, [[1, 2, 3, 4, -1], [1, 3, 0, 4, -1], [3, 2, 1, 0, -1]])
    np.testing.assert_array_equal(outcome.first, [0, 3, -1])
    scores = dict(zip(outcome.names, outcome.scores.T, strict=True))
    np.testing.assert_allclose(scores["mAP"], [(1 + 2 / 3) / 2, 1 / 4, NAN])
    np.testing.assert_allclose(scores["unjudged@2"], [1 / 2, 1, 1 / 2])


def test_blocks_change_nothing(monkeypatch):
    whole = trial_of().outcome
    monkeypatch.setattr("retrieval.evaluation.ranking.BLOCK_CELLS", 5)
    steps = []
    parts = judged.evaluate(LINE, grades=SOME, plan=judged.plan(PLAN), progress=lambda *step: steps.append(step))
    np.testing.assert_array_equal(parts.scores, whole.scores)
    np.testing.assert_array_equal(parts.top, whole.top)
    assert steps == [("ranking", 1, 3), ("ranking", 2, 3), ("ranking", 3, 3)]


def test_the_report_says_how_it_was_judged():
    built = report.build(trial_of(), report.Subject("small-v1", "birds by judgements", "d" * 64))
    assert (built.protocol, built.confusions) == ("judgements", ())
    assert (built.sizes.queries, built.sizes.left_out, built.sizes.gallery) == (3, 1, 5)
    assert built.overall["mAP"].mean == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)
    assert [(one.item, [(each.item, each.class_name) for each in one.answers]) for one in built.worst] == [
        ("c", [("b", ""), ("d", ""), ("a", "0"), ("e", "2")]),
        ("a", [("b", "2"), ("c", ""), ("d", "1"), ("e", "")]),
    ]
    assert report.Report.from_dict(json.loads(json.dumps(built.to_dict(), allow_nan=False))) == built
    text = markdown.render([built])
    assert "| nDCG@10 |" in text
    assert "unjudged@10" in text
    assert "Classes" not in text
    assert "classes equal" not in text


def test_differences_are_paired_over_the_queries():
    turned = LabelledSet(LINE.vectors[::-1], LINE.labels, LINE.classes, LINE.items)
    first, other = trial_of(), trial_of(gallery=turned)
    gain = report.difference(first, other=other)
    expected = first.outcome.scores[:2] - other.outcome.scores[:2]
    assert [each.mean for each in gain.values()] == pytest.approx(expected.mean(axis=0).tolist())


def test_where_nothing_suits_there_is_nothing_to_measure():
    with pytest.raises(InvalidInput, match="nothing to measure"):
        report.build(trial_of(grades(("a", "b", 0))), report.Subject("x", "y", ""))
