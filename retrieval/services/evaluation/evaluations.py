"""Evaluation inside the product: encoders measured beside each other on a collection, as rows that people follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from retrieval.errors import InvalidInput
from retrieval.evaluation import Report, protocol, ranking
from retrieval.models import (
    Collection,
    Encoder,
    EncoderState,
    Evaluation,
    Grade,
    GroupRule,
    Image,
    Judgement,
    Labels,
    Measure,
)
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.evaluation import CollectionJudgements, CollectionLabels, Plan, Result
from retrieval.services.evaluation.labelled import ONE_LABEL, LabelSource
from retrieval.services.images import collections, steering
from retrieval.services.people import accounts, rights
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User


MOST_ENCODERS = 6
MOST_CLASSES = 200  # whose figures are kept, the hardest first


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure: encoders by name, the first of which the others are compared with, on a collection."""

    collection: Collection
    encoders: tuple[str, ...]
    labels: Labels = Labels.TAGS
    measure: Measure = Measure.COSINE
    groups: GroupRule = GroupRule.IGNORE


def start(request: EvaluationRequest, *, user: User) -> Evaluation:
    """Put an evaluation in line; the edge wakes the worker for long work. Administrators may.

    Raises Forbidden, NotFound for a collection that they do not see, and InvalidInput naming the field.
    """
    rights.require_administrator(user, to="measure encoders")
    collections.find(request.collection.pk, user=user)
    require_vectors(request.encoders)
    _require_answers(request)
    row = Evaluation.objects.create(
        user=user,
        collection=request.collection,
        labels=request.labels,
        encoders=_to_measure(request),
        measure=request.measure,
        groups=request.groups,
    )
    accounts.record(user, "evaluation.started", row, encoders=row.encoders, collection=str(row.collection_id))
    return row


def measure(row: Evaluation, progress: ProgressWriter[Evaluation]) -> Settle:
    """Measure on the collection as the person who asked sees it now; the scorecards are kept with the result."""
    collection = collections.find(row.collection_id, user=row.user)
    encoders = [evaluation.named(name) for name in row.encoders]
    plan = Plan(measure=cast(ranking.Measure, row.measure), group_rule=cast(protocol.GroupRule, row.groups))
    result = evaluation.run(encoders, source=_source(row, collection), plan=plan, progress=progress)

    def settle() -> dict[str, Any]:
        evaluation.save_scorecards(encoders, result=result)
        return {"result": _kept(result)}

    return settle


def reports(row: Evaluation) -> list[Report]:
    """Return the reports of an evaluation that is done, in the order of its encoders; else none."""
    return [Report.from_dict(each) for each in row.result.get("reports", [])]


def require_labels(collection: Collection, labels: Labels) -> None:
    """Raise InvalidInput unless pictures of the collection have two different labels of the kind."""
    pictures, by_tags = Image.objects.alive().filter(collection=collection), labels == Labels.TAGS
    labelled = pictures.exclude(tags=[]) if by_tags else pictures.exclude(group_key="")
    found = labelled.order_by().values_list("tags__0" if by_tags else "group_key", flat=True).distinct()[:2]
    if not found:
        what = "has a tag" if by_tags else "says what it belongs to"
        raise InvalidInput.of("collection", f"No picture of this collection {what}, so nothing tells right from wrong.")
    if len(found) == 1:
        raise InvalidInput.of("collection", f"{ONE_LABEL}: {found[0]}.")


def require_vectors(names: tuple[str, ...], *, least: int = 1, field: str = "encoders") -> None:
    """Raise InvalidInput unless these are names of so many encoders that may have stored vectors."""
    if not least <= len(names) <= MOST_ENCODERS or len(set(names)) != len(names):
        raise InvalidInput.of(field, f"Name {least} to {MOST_ENCODERS} encoders, each only once.")
    states = dict(Encoder.objects.filter(name__in=names).values_list("name", "state"))
    for name in names:
        if name not in states:
            raise InvalidInput.of(field, f"There is no encoder named {name!r}.")
        if states[name] == EncoderState.DRAFT:
            raise InvalidInput.of(field, f"{name} is a draft without vectors: build it first.")


def _to_measure(request: EvaluationRequest) -> list[str]:
    """By judgements the active encoder is measured along: each new grade makes it impossible to compare old cards."""
    active = Encoder.objects.active() if request.labels == Labels.JUDGEMENTS else None
    return list(dict.fromkeys([*request.encoders, *([active.name] if active else [])]))


def _source(row: Evaluation, collection: Collection) -> CollectionLabels | CollectionJudgements:
    if row.labels == Labels.JUDGEMENTS:
        return CollectionJudgements(collection, row.user)
    return CollectionLabels(collection, row.user, by=cast(LabelSource, row.labels))


def _kept(result: Result) -> dict[str, Any]:
    """Return what the row keeps as JSON: of many classes the hardest, in the order of the first encoder."""
    ranked = sorted(result.reports[0].classes, key=lambda each: each.figures["mAP"].mean)
    names = [each.name for each in ranked[:MOST_CLASSES]]
    return {
        "reports": [_narrowed(report, names).to_dict() for report in result.reports],
        "differences": {
            name: {figure: asdict(each) for figure, each in figures.items()}
            for name, figures in result.differences.items()
        },
        "classes": len(ranked),
        "calibration": {
            name: None if tenths is None else [asdict(each) for each in tenths]
            for name, tenths in result.calibration.items()
        },
        "learned_from_these": list(result.learned),
        "calibrated_on_these": list(result.calibrated),
    }


def _narrowed(report: Report, names: list[str]) -> Report:
    by_name = {each.name: each for each in report.classes}
    return replace(report, classes=tuple(by_name[name] for name in names))


def _require_answers(request: EvaluationRequest) -> None:
    """Raise InvalidInput where nothing tells right from wrong."""
    if request.labels == Labels.JUDGEMENTS:
        _require_judgements(request)
    else:
        require_labels(request.collection, request.labels)


def _require_judgements(request: EvaluationRequest) -> None:
    if request.groups != GroupRule.IGNORE:
        raise InvalidInput.of("groups", "Judgements heed no groups.")
    if not Judgement.objects.filter(collection=request.collection, grade__gte=Grade.SOMEWHAT).exists():
        raise InvalidInput.of("collection", "Nobody judged that an answer in this collection suits its query.")


KIND = Kind(
    "evaluations",
    measure,
    model=Evaluation,
    require=steering.require,
    seen_by=partial(steering.seen_by, model=Evaluation),
)
