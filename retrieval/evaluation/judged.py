"""Answers that people graded, in the place of labels: who was judged how, and scores per query from it.

A pool holds the first answers of every encoder that took part (Spaerck Jones and van Rijsbergen, Report on the need for
and provision of an ideal information retrieval test collection, 1975; Voorhees and Harman, TREC, 2005, chapter 2).
Whatever nobody judged counts as not relevant, as TREC does it: an encoder gains nothing by answers outside the pool,
and scores too low until they are judged. The condensed list, which leaves them out, errs the other way (Sakai,
Alternatives to Bpref, 2007; Comparing metrics across TREC and NTCIR, 2008), and a worse encoder would pass by answers
that nobody saw. How much was not judged is a figure of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation import metrics, ranking
from retrieval.evaluation.protocol import LabelledSet, Match, Numbers, Outcome, Plan
from retrieval.progress import Progress, silent

Scores = NDArray[np.float64]

RELEVANT = 1.0
"""From this grade on ("somewhat") an answer is relevant for the figures that know only yes and no."""
DEPTH = 10
"""How many first answers of each encoder are pooled, and so the depth of the figures."""


@dataclass(frozen=True)
class Grades:
    """What people said: ``asked`` (Q,) are the queries' numbers in the gallery; then a line (P,) for each judged pair.

    ``query`` counts along ``asked``, ``answer`` is a number in the gallery, ``grade`` goes from 0 to 2 and is the mean
    where people differ.
    """

    asked: Numbers
    query: Numbers
    answer: Numbers
    grade: Scores

    def queries(self, gallery: LabelledSet) -> LabelledSet:
        """The part of the gallery that asks, in the order of ``asked``."""
        items = tuple(gallery.items[number] for number in self.asked.tolist())
        return LabelledSet(gallery.vectors[self.asked], gallery.labels[self.asked], gallery.classes, items)

    def table(self, rows: slice, *, width: int) -> Scores:
        """Grades (rows, width) of a block of queries over the gallery, NaN where nobody judged."""
        start, stop, _ = rows.indices(len(self.asked))
        found = np.full((stop - start, width), np.nan)
        here = (self.query >= start) & (self.query < stop)
        found[self.query[here] - start, self.answer[here]] = self.grade[here]
        return found

    def said(self, query: int, answer: int) -> str:
        """The grade of an answer as text, empty when nobody judged it."""
        grade = self._by_pair.get((query, answer))
        return "" if grade is None else f"{grade:.3g}"

    @cached_property
    def _by_pair(self) -> Mapping[tuple[int, int], float]:
        pairs = zip(self.query.tolist(), self.answer.tolist(), strict=True)
        return dict(zip(pairs, self.grade.tolist(), strict=True))


def ndcg_at(gains: Scores, k: int) -> Scores:
    """Discounted gain of the first k over the best possible one, from grades in ranked order (Q, N), NaN unjudged.

    DCG@k = sum_{r=1..k} grade_r / log2(r + 1), divided by the same sum with all judged answers in the order of their
    grades (Jaervelin and Kekaelaeinen, Cumulated gain-based evaluation of IR techniques, 2002; gain = grade, and the
    discount that also lowers the second rank). NaN when every grade is 0.
    """
    known = np.nan_to_num(gains)
    depth = min(k, known.shape[1])
    discount = 1 / np.log2(np.arange(2, depth + 2))
    ideal = -np.sort(-known, axis=1)[:, :depth] @ discount
    return np.asarray(known[:, :depth] @ discount / np.where(ideal > 0, ideal, np.nan), np.float64)


def unjudged_at(gains: Scores, k: int) -> Scores:
    """Share of the first k answers that nobody judged."""
    return np.asarray(np.isnan(gains[:, :k]).mean(axis=1), np.float64)


def figures(gains: Scores, *, plan: Plan) -> dict[str, Scores]:
    """Every figure by name, each (Q,): mAP and MRR over the whole ranking, P, nDCG and unjudged at each k of the plan.

    ``gains`` (Q, N) are grades in ranked order without the query itself. NaN, but for ``unjudged``, for a query without
    a relevant answer.
    """
    hits = np.nan_to_num(gains) >= RELEVANT
    found = {"mAP": metrics.average_precision(hits), "MRR": metrics.reciprocal_rank(hits)}
    for k in plan.ks:
        found[f"P@{k}"] = metrics.precision_at(hits, k)
        found[f"nDCG@{k}"] = np.where(hits.any(axis=1), ndcg_at(gains, k), np.nan)
        found[f"unjudged@{k}"] = unjudged_at(gains, k)
    return found


def evaluate(gallery: LabelledSet, *, grades: Grades, plan: Plan, progress: Progress = silent) -> Outcome:
    """Let every judged query rank the whole gallery, itself left out, and score that by the grades.

    Blocks, ties and ``progress`` are those of ``protocol.evaluate``; groups are not heeded.
    """
    queries = grades.queries(gallery)
    ready = ranking.scorer(queries.vectors, gallery.vectors, measure=plan.measure)
    return _Judged(queries, gallery, plan, ready, grades).run(progress)


@dataclass(frozen=True)
class _Judged(Match):
    """Queries beside the gallery that they are part of, and what people said of its answers."""

    grades: Grades

    def outcome(self, rows: slice) -> Outcome:
        """Rank and score one block of queries; a query stands last in its own ranking, and is cut off there."""
        scores = self.scorer.scores(rows)
        scores[np.arange(len(scores)), self.grades.asked[rows]] = -np.inf
        order = ranking.ranked(scores)[:, :-1]
        gains = np.take_along_axis(self.grades.table(rows, width=len(self.gallery)), order, axis=1)
        table = figures(gains, plan=self.plan)
        hits = np.nan_to_num(gains) >= RELEVANT
        return Outcome(
            names=tuple(table),
            scores=np.stack([*table.values()], axis=1),
            first=np.where(hits.any(axis=1), hits.argmax(axis=1), -1),
            top=self.first_answers(order),
            own_group_first=np.zeros(len(order), np.bool_),
        )


def plan(like: Plan) -> Plan:
    """The same plan at the depth that was pooled: beyond it most answers are unjudged."""
    return replace(like, ks=(DEPTH,))
