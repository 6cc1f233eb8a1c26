"""Who asks, who may be found, and what counts as right: a labelled set and a plan in, scores per query out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.evaluation import metrics, ranking
from retrieval.evaluation.bootstrap import Bootstrap
from retrieval.progress import Progress, silent

GroupRule = Literal["ignore", "count", "exclude"]
Numbers = NDArray[np.int64]

GROUP_RULES: tuple[GroupRule, ...] = get_args(GroupRule)
ALONE = -1
"""The group number of an item that belongs to no group."""


@dataclass(frozen=True)
class LabelledSet:
    """Items with raw vectors (N, D), a class number each, names of classes and items, and maybe groups.

    A group holds pictures of one patient, product or document; ``ALONE`` marks an item without one.
    """

    vectors: NDArray[np.floating]
    labels: Numbers
    classes: tuple[str, ...]
    items: tuple[str, ...]
    groups: Numbers | None = None

    def __post_init__(self) -> None:
        if len({len(self.vectors), len(self.labels), len(self.items), len(self.group_numbers)}) != 1:
            raise InvalidInput.of("items", "Vectors, labels, items and groups must be equally many.")
        if len(self.labels) and (self.labels.min() < 0 or self.labels.max() >= len(self.classes)):
            raise InvalidInput.of("labels", "Every label must be the number of a class.")

    def __len__(self) -> int:
        return len(self.items)

    @property
    def group_numbers(self) -> Numbers:
        """The group of each item (N,), ``ALONE`` for all where no groups are known."""
        return np.full(len(self), ALONE) if self.groups is None else self.groups


@dataclass(frozen=True)
class Plan:
    """How to judge: the measure, what to do with a query's own group, the depths k, and how to draw intervals.

    ``exclude`` hides the query's group from it (can the encoder find *another* patient's like case?); ``count`` leaves
    it in and reports how often it answers first; ``ignore`` knows no groups.
    """

    measure: ranking.Measure = "cosine"
    group_rule: GroupRule = "ignore"
    ks: tuple[int, ...] = (1, 5, 10)
    depth: int = 20
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __post_init__(self) -> None:
        if self.group_rule not in GROUP_RULES:
            raise InvalidInput.of("groups", f"The rule for groups must be one of {', '.join(GROUP_RULES)}.")
        if min((*self.ks, self.depth)) < 1:
            raise InvalidInput.of("ks", "Every k and the depth must be at least 1.")


@dataclass(frozen=True)
class Outcome:
    """What each query got: a row per query, in the order asked.

    ``scores`` (Q, M) by the ``names`` of the metrics, NaN rows for queries without a relevant item; ``first`` (Q,) the
    rank of the first relevant answer counted from 0, -1 for none; ``top`` (Q, depth) the first answers, -1 where there
    were fewer; ``own_group_first`` (Q,) whether the very first answer was of the query's own group.
    """

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    first: Numbers
    top: Numbers
    own_group_first: NDArray[np.bool_]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which queries have a score at all (Q,)."""
        return self.first >= 0


def evaluate(
    gallery: LabelledSet,
    *,
    queries: LabelledSet | None = None,
    plan: Plan | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Ask every query and score its whole ranking; without ``queries`` each gallery item asks for the others.

    Relevant is what has the query's class. Items at the same distance stand in gallery order. Runs in blocks: besides
    the vectors it needs about 200 MB, whatever N. ``progress`` is told "ranking", queries done, queries. Raises
    InvalidInput for empty sets and for sets that do not fit each other.
    """
    plan, asking = plan or Plan(), gallery if queries is None else queries
    if not len(asking) or not len(gallery):
        raise InvalidInput.of("items", "There is nothing to evaluate: no query, or nothing to find.")
    if asking.classes != gallery.classes:
        raise InvalidInput.of("classes", "Queries and gallery must number the same classes alike.")
    ready = ranking.scorer(asking.vectors, gallery.vectors, measure=plan.measure)
    return Match(asking, gallery, plan=plan, scorer=ready).run(progress)


@dataclass(frozen=True)
class Match:
    """Queries beside the gallery they ask, and what scores it; the same set twice is leave-one-out."""

    queries: LabelledSet
    gallery: LabelledSet
    plan: Plan
    scorer: ranking.Scores

    def run(self, progress: Progress = silent) -> Outcome:
        """Score every query, in blocks; ``progress`` is told "ranking", queries done, queries."""
        parts = []
        for rows in ranking.blocks(len(self.queries), len(self.gallery)):
            parts.append(self.outcome(rows))
            progress("ranking", rows.stop, len(self.queries))
        return _joined(parts)

    def outcome(self, rows: slice) -> Outcome:
        """Rank and score one block of queries."""
        kin = self.same_group(rows)
        hidden = self.hidden(rows, kin)
        scores = self.scorer.scores(rows)
        scores[hidden] = -np.inf
        order = ranking.ranked(scores)
        seen = np.arange(order.shape[1]) < (~hidden).sum(axis=1, keepdims=True)
        hits = (self.gallery.labels[order] == self.queries.labels[rows, None]) & seen
        table = metrics.catalogue(self.plan.ks)
        return Outcome(
            names=tuple(table),
            scores=np.stack([metric(hits) for metric in table.values()], axis=1),
            first=np.where(hits.any(axis=1), hits.argmax(axis=1), -1),
            top=self.first_answers(np.where(seen, order, -1)),
            own_group_first=np.take_along_axis(kin & ~hidden, order[:, :1], axis=1)[:, 0],
        )

    def same_group(self, rows: slice) -> NDArray[np.bool_]:
        """Gallery items (rows, N) of the queries' own groups."""
        asked = self.queries.group_numbers[rows, None]
        return np.asarray((asked == self.gallery.group_numbers) & (asked != ALONE))

    def hidden(self, rows: slice, kin: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Gallery items (rows, N) these queries must not be given: themselves and, if the plan says so, their group."""
        hidden = kin.copy() if self.plan.group_rule == "exclude" else np.zeros_like(kin)
        if self.queries is self.gallery:
            hidden[np.arange(len(kin)), np.arange(rows.start, rows.stop)] = True
        return hidden

    def first_answers(self, order: Numbers) -> Numbers:
        """The first ``depth`` columns, filled with -1 where the gallery is smaller."""
        top = order[:, : self.plan.depth]
        return np.pad(top, [(0, 0), (0, self.plan.depth - top.shape[1])], constant_values=-1)


def _joined(parts: list[Outcome]) -> Outcome:
    """Blocks of queries put back together."""
    return Outcome(
        names=parts[0].names,
        scores=np.concatenate([part.scores for part in parts]),
        first=np.concatenate([part.first for part in parts]),
        top=np.concatenate([part.top for part in parts]),
        own_group_first=np.concatenate([part.own_group_first for part in parts]),
    )
