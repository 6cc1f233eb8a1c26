"""Evaluation inside the product: encoders measured beside each other on a collection, as rows that people follow."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval.errors import Forbidden, InvalidInput, NotFound, RetrievalError
from retrieval.evaluation import protocol, ranking
from retrieval.evaluation.report import Report
from retrieval.models import (
    Collection,
    Encoder,
    EncoderState,
    Evaluation,
    EvaluationState,
    Grade,
    GroupRule,
    Image,
    Judgement,
    Labels,
    Measure,
)
from retrieval.services import accounts, collections, evaluation, ledger
from retrieval.services.evaluation import CollectionJudgements, CollectionLabels, Plan, Result
from retrieval.services.labelled import LabelSource

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

MOST_ENCODERS = 6
MOST_CLASSES = 200  # whose figures are kept, the hardest first
TELL_EVERY = 1.0  # seconds between notes of how far it is
SILENCE = timedelta(minutes=15)  # a worker that was not heard of for so long has lost its evaluation
ATTEMPTS = 3
EXHAUSTED = RetrievalError("Measuring ended its worker every time it was tried.", code="attempts_exhausted")


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
    require_admin(user)
    collections.find(request.collection.pk, user=user)
    require_vectors(request.encoders)
    _require_labels(request)
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


def listing(user: User) -> QuerySet[Evaluation]:
    """Return the evaluations of the collections that this administrator sees, newest first, without their results."""
    require_admin(user)
    visible = Evaluation.objects.filter(collection__in=Collection.objects.visible_to(user))
    return visible.select_related("user", "collection").defer("result")


def get(evaluation_id: UUID | str, *, user: User) -> Evaluation:
    """Return one evaluation with its result. Raises Forbidden, and NotFound when its collection is not visible."""
    found = listing(user).defer(None).filter(pk=evaluation_id).first()
    if found is None:
        raise NotFound("There is no such evaluation.")
    return found


def unfinished() -> list[UUID]:
    """Return what is not over, first come first; ``run`` finds out whether somebody alive is at it."""
    going = Evaluation.objects.filter(state__in=[EvaluationState.QUEUED, EvaluationState.RUNNING])
    return list(going.order_by("created_at", "pk").values_list("pk", flat=True))


def run(evaluation_id: UUID) -> bool:
    """Measure, keep the scorecards on the encoders and the result on the row; False when there was nothing to do.

    May be asked twice: one worker at a time has it, and one that died or fell silent loses it to the next, which
    begins anew. Every expected error ends up on the row.
    """
    row = _claim(evaluation_id)
    if row is None:
        return False
    try:
        result = _measured(row)
    except RetrievalError as error:
        _end(row, EvaluationState.FAILED, error_code=error.code, error_text=error.message)
    else:
        _end(row, EvaluationState.DONE, result=_kept(result))
    return True


def reports(row: Evaluation) -> list[Report]:
    """Return the reports of an evaluation that is done, in the order of its encoders; else none."""
    return [Report.from_dict(each) for each in row.result.get("reports", [])]


def require_vectors(names: tuple[str, ...], *, least: int = 1) -> None:
    """Raise InvalidInput unless these are names of so many encoders that may have stored vectors."""
    if not least <= len(names) <= MOST_ENCODERS or len(set(names)) != len(names):
        raise InvalidInput.of("encoders", f"Name {least} to {MOST_ENCODERS} encoders, each only once.")
    states = dict(Encoder.objects.filter(name__in=names).values_list("name", "state"))
    for name in names:
        if name not in states:
            raise InvalidInput.of("encoders", f"There is no encoder named {name!r}.")
        if states[name] == EncoderState.DRAFT:
            raise InvalidInput.of("encoders", f"{name} is a draft without vectors: build it first.")


def require_admin(user: User) -> None:
    """Raise Forbidden for anyone else."""
    if not user.is_staff:
        raise Forbidden("Only administrators measure encoders.")


def _to_measure(request: EvaluationRequest) -> list[str]:
    """By judgements the active encoder is measured along: each new grade makes it impossible to compare old cards."""
    active = Encoder.objects.active() if request.labels == Labels.JUDGEMENTS else None
    return list(dict.fromkeys([*request.encoders, *([active.name] if active else [])]))


def _claim(evaluation_id: UUID) -> Evaluation | None:
    """Take it, unless it is over or somebody has it or is busy with another; one that cost too many workers fails."""
    with transaction.atomic():
        rows = Evaluation.objects.select_for_update(of=("self",)).select_related("user")
        row = rows.filter(pk=evaluation_id).first()
        if row is None or not _is_free(row) or _busy():
            return None
        if row.attempts >= ATTEMPTS:
            _end(row, EvaluationState.FAILED, error_code=EXHAUSTED.code, error_text=EXHAUSTED.message)
            return None
        row.state, row.worker, row.attempts = EvaluationState.RUNNING, ledger.worker_name(), row.attempts + 1
        row.heard_at = timezone.now()
        row.started_at = row.started_at or row.heard_at
        row.save(update_fields=["state", "worker", "attempts", "heard_at", "started_at"])
    return row


def _is_free(row: Evaluation) -> bool:
    return row.state == EvaluationState.QUEUED or (row.state == EvaluationState.RUNNING and _is_lost(row))


def _is_lost(row: Evaluation) -> bool:
    """Tell whether the worker of a running one is gone, be it here or, after a while without a sign, elsewhere."""
    silent = row.heard_at is None or row.heard_at < timezone.now() - SILENCE
    return silent or ledger.is_dead(row.worker)


def _busy() -> bool:
    """Tell whether one is being worked on; one at a time leaves room for everything else."""
    running = Evaluation.objects.filter(state=EvaluationState.RUNNING).defer("result")
    return any(not _is_lost(row) for row in running)


def _measured(row: Evaluation) -> Result:
    """Measure on the collection as the person who asked sees it now; scorecards are committed."""
    collection = collections.find(row.collection_id, user=row.user)
    encoders = [evaluation.named(name) for name in row.encoders]
    source = _source(row, collection)
    plan = Plan(measure=cast(ranking.Measure, row.measure), group_rule=cast(protocol.GroupRule, row.groups))
    result = evaluation.run(encoders, source=source, plan=plan, progress=_Notes(row.pk, len(encoders)))
    evaluation.save_scorecards(encoders, result=result)
    return result


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
    }


def _narrowed(report: Report, names: list[str]) -> Report:
    by_name = {each.name: each for each in report.classes}
    return replace(report, classes=tuple(by_name[name] for name in names))


@dataclass
class _Notes:
    """Writes how far it is to the row, now and then only; the queries of all encoders are counted together."""

    pk: UUID
    encoders: int
    ranked: int = 0
    told: float = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != "ranking":
            return
        done, self.ranked = self.ranked + done, self.ranked + (total if done == total else 0)
        if time.monotonic() - self.told > TELL_EVERY:
            self.told = time.monotonic()
            going = Evaluation.objects.filter(pk=self.pk, worker=ledger.worker_name())
            going.update(done=done, total=self.encoders * total, heard_at=timezone.now())


def _end(row: Evaluation, state: EvaluationState, **fields: Any) -> None:
    """Write the end; a row that went with its collection meanwhile is missed by nobody."""
    Evaluation.objects.filter(pk=row.pk).update(**fields, state=state, finished_at=timezone.now())
    log.info("evaluation_ended", evaluation=str(row.pk), state=state, encoders=row.encoders)


def _require_labels(request: EvaluationRequest) -> None:
    if request.labels == Labels.JUDGEMENTS:
        _require_judgements(request)
        return
    pictures = Image.objects.alive().filter(collection=request.collection)
    by_tags = request.labels == Labels.TAGS
    if not (pictures.exclude(tags=[]) if by_tags else pictures.exclude(group_key="")).exists():
        what = "has a tag" if by_tags else "says what it belongs to"
        raise InvalidInput.of("collection", f"No picture of this collection {what}, so nothing tells right from wrong.")


def _require_judgements(request: EvaluationRequest) -> None:
    if request.groups != GroupRule.IGNORE:
        raise InvalidInput.of("groups", "Judgements heed no groups.")
    if not Judgement.objects.filter(collection=request.collection, grade__gte=Grade.SOMEWHAT).exists():
        raise InvalidInput.of("collection", "Nobody judged that an answer in this collection suits its query.")
