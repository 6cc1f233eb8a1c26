"""What an evaluation found, as frozen values: figures with intervals, per class, confusions and the worst queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from cattrs import structure
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.evaluation.bootstrap import Interval, intervals
from retrieval.evaluation.judged import Grades
from retrieval.evaluation.protocol import ALONE, LabelledSet, Numbers, Outcome, Plan

Figures = Mapping[str, Interval]
Protocol = Literal["leave-one-out", "query-gallery", "judgements"]

SHOWN = 20
"""How many confusions and how many worst queries a report keeps."""
ANSWERS = 5
"""How many first answers a report shows of each of the worst queries."""


@dataclass(frozen=True)
class Subject:
    """What was evaluated: the encoder's name, the set's name, and a digest of its pictures and labels."""

    encoder: str
    dataset: str
    digest: str


@dataclass(frozen=True)
class Sizes:
    """Items that could be found, queries asked, queries without a relevant item (left out), length of the vectors."""

    gallery: int
    queries: int
    left_out: int
    dimension: int


@dataclass(frozen=True)
class ClassFigures:
    """The figures of one class over its own queries that could be judged; classes without any are not listed."""

    name: str
    queries: int
    figures: Figures


@dataclass(frozen=True)
class Confusion:
    """How many queries of one class were first answered by another, as a share of that class's queries; an example."""

    wanted: str
    found: str
    count: int
    share: float
    query_item: str
    found_item: str


@dataclass(frozen=True)
class Answer:
    """One item that a query was given; by judgements its grade stands for the class, and is empty for none."""

    item: str
    class_name: str


@dataclass(frozen=True)
class WorstQuery:
    """A query with a low average precision, the rank of its first relevant answer (from 1), and what came first."""

    item: str
    class_name: str
    average_precision: float
    first_rank: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Report:
    """One encoder on one labelled set by one plan.

    ``overall`` averages over queries, ``balanced`` over classes, each counting the same. ``cmc`` is the share of
    queries with a relevant answer among the first 1, 2, 3 ... ``own_group_first`` is the share of judged queries first
    answered by their own group, None when groups were ignored.
    """

    subject: Subject
    protocol: Protocol
    plan: Plan
    sizes: Sizes
    overall: Figures
    balanced: Mapping[str, float]
    classes: tuple[ClassFigures, ...]
    cmc: tuple[float, ...]
    own_group_first: float | None
    confusions: tuple[Confusion, ...]
    worst: tuple[WorstQuery, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON: nested objects and lists, every number finite."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """What ``to_dict`` wrote, also after it went through JSON."""
        return structure(data, cls)


@dataclass(frozen=True)
class Trial:
    """An outcome beside what it came from; ``queries`` is None for leave-one-out, ``grades`` but for judgements."""

    outcome: Outcome
    gallery: LabelledSet
    queries: LabelledSet | None
    plan: Plan
    grades: Grades | None = None

    @property
    def asked(self) -> LabelledSet:
        """The items that were queries."""
        return self.gallery if self.queries is None else self.queries

    @property
    def protocol(self) -> Protocol:
        """How it was judged."""
        if self.grades is not None:
            return "judgements"
        return "leave-one-out" if self.queries is None else "query-gallery"

    def answer(self, row: int, item: int) -> Answer:
        """What a query (its row) was given."""
        if self.grades is not None:
            return Answer(self.gallery.items[item], self.grades.said(row, item))
        return Answer(self.gallery.items[item], self.gallery.classes[self.gallery.labels[item]])

    @property
    def judged(self) -> Numbers:
        """Row numbers of the queries that have a score."""
        return np.flatnonzero(self.outcome.first >= 0)

    @property
    def units(self) -> Numbers | None:
        """What the bootstrap draws as one, per query: groups where the plan heeds them; None draws query by query."""
        groups = self.asked.group_numbers
        if self.plan.group_rule == "ignore" or (groups == ALONE).all():
            return None
        own = groups.max() + 1 + np.arange(len(groups))
        return np.where(groups == ALONE, own, groups)


def build(trial: Trial, subject: Subject) -> Report:
    """Average, attach intervals, and pick what is worth a look. Raises InvalidInput when no query could be judged."""
    judged = trial.judged
    if not len(judged):
        raise InvalidInput.of("labels", "No query has another picture that suits it; there is nothing to measure.")
    classes = _classes(trial)
    kin = trial.outcome.own_group_first[judged]
    return Report(
        subject=subject,
        protocol=trial.protocol,
        plan=trial.plan,
        sizes=Sizes(
            gallery=len(trial.gallery),
            queries=len(trial.asked),
            left_out=len(trial.asked) - len(judged),
            dimension=trial.gallery.vectors.shape[1],
        ),
        overall=_figures(trial, judged),
        balanced={name: float(np.mean([each.figures[name].mean for each in classes])) for name in trial.outcome.names},
        classes=classes,
        cmc=tuple(float((trial.outcome.first[judged] < k).mean()) for k in range(1, trial.plan.depth + 1)),
        own_group_first=None if trial.plan.group_rule == "ignore" else float(kin.mean()),
        confusions=_confusions(trial),
        worst=_worst(trial),
    )


def difference(trial: Trial, *, other: Trial) -> dict[str, Interval]:
    """``trial`` minus ``other`` for each metric, with intervals over the same queries (paired).

    Far narrower than two intervals side by side, since a hard query is hard for both. Raises InvalidInput when the two
    trials did not judge the same queries.
    """
    if trial.asked.items != other.asked.items or trial.outcome.names != other.outcome.names:
        raise InvalidInput.of("items", "Two encoders can only be compared over the same queries and metrics.")
    gained = (trial.outcome.scores - other.outcome.scores)[trial.judged]
    units = None if trial.units is None else trial.units[trial.judged]
    return dict(zip(trial.outcome.names, intervals(gained, units=units, how=trial.plan.bootstrap), strict=True))


def _figures(trial: Trial, rows: Numbers) -> dict[str, Interval]:
    """Mean and interval of every metric over some judged queries."""
    units = None if trial.units is None else trial.units[rows]
    found = intervals(trial.outcome.scores[rows], units=units, how=trial.plan.bootstrap)
    return dict(zip(trial.outcome.names, found, strict=True))


def _classes(trial: Trial) -> tuple[ClassFigures, ...]:
    """The figures of each class that has a judged query, in the order of the classes."""
    judged = trial.judged
    labels = trial.asked.labels[judged]
    return tuple(
        ClassFigures(trial.asked.classes[label], int((labels == label).sum()), _figures(trial, judged[labels == label]))
        for label in np.unique(labels)
    )


def _confusions(trial: Trial) -> tuple[Confusion, ...]:
    """The most frequent pairs of a judged query's class and the other class of its first answer."""
    asked, gallery, judged = trial.asked, trial.gallery, trial.judged
    first = trial.outcome.top[judged, 0]
    wrong = gallery.labels[first] != asked.labels[judged]
    pairs = list(zip(asked.labels[judged].tolist(), gallery.labels[first].tolist(), strict=True))
    examples: dict[tuple[int, int], int] = {}
    for row in np.flatnonzero(wrong).tolist():
        examples.setdefault(pairs[row], row)
    counts, sizes = Counter(pairs[row] for row in np.flatnonzero(wrong)), Counter(wanted for wanted, _ in pairs)
    return tuple(
        Confusion(
            wanted=asked.classes[pair[0]],
            found=asked.classes[pair[1]],
            count=count,
            share=count / sizes[pair[0]],
            query_item=asked.items[judged[examples[pair]]],
            found_item=gallery.items[first[examples[pair]]],
        )
        for pair, count in counts.most_common(SHOWN)
    )


def _worst(trial: Trial) -> tuple[WorstQuery, ...]:
    """The judged queries with the lowest average precision, worst first."""
    asked, judged = trial.asked, trial.judged
    precision: NDArray[np.float64] = trial.outcome.scores[:, trial.outcome.names.index("mAP")]
    rows = judged[np.argsort(precision[judged], kind="stable")[:SHOWN]]
    return tuple(
        WorstQuery(
            item=asked.items[row],
            class_name=asked.classes[asked.labels[row]],
            average_precision=float(precision[row]),
            first_rank=int(trial.outcome.first[row]) + 1,
            answers=tuple(trial.answer(row, item) for item in trial.outcome.top[row, :ANSWERS].tolist() if item >= 0),
        )
        for row in rows.tolist()
    )
