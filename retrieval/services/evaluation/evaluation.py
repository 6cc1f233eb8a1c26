"""Measure encoders on labelled pictures, and keep the scorecard on the encoder's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.evaluation import Interval, Plan, Report, Subject, Trial, judged, protocol, report
from retrieval.matching import Reliability
from retrieval.models import Encoder
from retrieval.progress import Progress, silent
from retrieval.services.evaluation import lineage, probabilities
from retrieval.services.evaluation.judged import CollectionJudgements
from retrieval.services.evaluation.labelled import CollectionLabels, Folder, Measurable

__all__ = [
    "CollectionJudgements",
    "CollectionLabels",
    "Folder",
    "Plan",
    "Report",
    "Result",
    "named",
    "run",
    "save_scorecards",
]


@dataclass(frozen=True)
class Result:
    """Reports in the order of the encoders asked for.

    ``differences``: the first encoder minus each other by its name, paired over queries. ``unreadable`` names the files
    that were left out because no picture could be made of them. ``calibration``: each encoder's curve (as
    ``probabilities.curve`` has it) by its name. ``learned``, ``calibrated``: the names of those that learned from what
    was measured, or whose calibration did.
    """

    reports: tuple[Report, ...]
    differences: Mapping[str, Mapping[str, Interval]]
    unreadable: tuple[str, ...]
    calibration: Mapping[str, Sequence[Reliability] | None] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    calibrated: tuple[str, ...] = ()


def named(name: str) -> Encoder:
    """Return the encoder of this name or raise NotFound."""
    found = Encoder.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no encoder named {name!r}.")
    return found


def run(
    rows: Sequence[Encoder],
    *,
    source: Folder | CollectionLabels | CollectionJudgements,
    plan: Plan | None = None,
    progress: Progress = silent,
) -> Result:
    """Evaluate encoders side by side on one labelled source; nothing is stored.

    ``progress`` is told ("encoding" | "reading" | "ranking", done, of how many), the queries of all encoders counted
    together. Raises InvalidInput when there is nothing to measure, or one label alone.
    """
    if len({row.pk for row in rows}) != len(rows) or not rows:
        raise InvalidInput.of("encoders", "Name at least one encoder, and each only once.")
    plan = plan or Plan()
    if isinstance(source, Folder):
        source.require_two_labels()
    measurable = source.load(rows, progress=progress)
    measurable.require_two_labels()
    trials = [_trial(measurable, number, plan=plan, progress=progress) for number in range(len(rows))]
    reports = [
        report.build(trial, Subject(row.name, measurable.name, measurable.digest))
        for row, trial in zip(rows, trials, strict=True)
    ]
    others = zip(rows[1:], trials[1:], strict=True)
    differences = {row.name: report.difference(trials[0], other=trial) for row, trial in others}
    calibration = {row.name: probabilities.curve(row, trial) for row, trial in zip(rows, trials, strict=True)}
    learned = tuple(row.name for row in rows if measurable.among(lineage.sources(row)))
    fitted = tuple(row.name for row in rows if measurable.among(_calibrated_on(row)))
    return Result(tuple(reports), differences, measurable.unreadable, calibration, learned, fitted)


def save_scorecards(rows: Sequence[Encoder], *, result: Result) -> None:
    """Write each report's figures into its encoder's ``scores``, under the set's name; committed at once.

    A scorecard says what was measured (digest of the set, measure, protocol), so that only like is compared with like.
    An encoder that was dropped meanwhile keeps none.
    """
    for row, built in zip(rows, result.reports, strict=True):
        with transaction.atomic():
            locked = Encoder.objects.select_for_update().filter(pk=row.pk).first()
            if locked is None:
                continue
            locked.scores = {**locked.scores, scorecard_name(built): scorecard(built)}
            locked.save(update_fields=["scores"])
        row.scores = locked.scores


def scorecard_name(built: Report) -> str:
    """The set's name, with whatever in the plan is not the usual: figures of other plans must not be compared."""
    plan = built.plan
    unusual = [
        text
        for text, usual in (
            (built.protocol, built.protocol in {"leave-one-out", "judgements"}),
            (plan.measure, plan.measure == "cosine"),
            (f"groups {plan.group_rule}", plan.group_rule == "ignore"),
        )
        if not usual
    ]
    return f"{built.subject.dataset} ({', '.join(unusual)})" if unusual else built.subject.dataset


def scorecard(built: Report) -> dict[str, Any]:
    """What an encoder row keeps of a report: mAP, every figure as [mean, low, high], and what was measured."""
    return {
        "map": built.overall["mAP"].mean,
        "digest": built.subject.digest,
        "measure": built.plan.measure,
        "protocol": built.protocol,
        "groups": built.plan.group_rule,
        "queries": built.sizes.queries - built.sizes.left_out,
        "gallery": built.sizes.gallery,
        "figures": {name: [each.mean, each.low, each.high] for name, each in built.overall.items()},
        "measured_at": timezone.now().isoformat(timespec="seconds"),
    }


def _calibrated_on(row: Encoder) -> frozenset[str]:
    """What its calibration was fitted on (``lineage.of_set``); empty where that was not written down."""
    fitted_on: Mapping[str, Any] = row.calibration.get("fitted_on", {})
    return frozenset(fitted_on.get(lineage.LEARNED_FROM, ()))


def _trial(measurable: Measurable, number: int, *, plan: Plan, progress: Progress) -> Trial:
    gallery, grades = measurable.galleries[number], measurable.grades

    def told(what: str, done: int, total: int) -> None:
        progress(what, number * total + done, len(measurable.galleries) * total)

    if grades is not None:
        plan = judged.plan(plan)
        outcome = judged.evaluate(gallery, grades=grades, plan=plan, progress=told)
        return Trial(outcome, gallery, grades.queries(gallery), plan, grades)
    queries = measurable.queries[number] if measurable.queries else None
    return Trial(protocol.evaluate(gallery, queries=queries, plan=plan, progress=told), gallery, queries, plan)
