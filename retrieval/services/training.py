"""Training inside the product: a run on a collection, its curve while it goes, and a draft encoder at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet, UUIDField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from retrieval import conf, encoders, training
from retrieval.errors import Forbidden, InvalidInput, NotFound, RetrievalError, WeightsError
from retrieval.ingest import sandbox, store
from retrieval.models import Collection, Image, RunState, TrainingRun
from retrieval.services import accounts, collections, ledger, weights
from retrieval.training.loop import CHECKPOINT

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

FEWEST = 8
ASK_EVERY = 2.0  # seconds between looks at whether somebody wants the run to stop
Labels = Literal["tags", "group_key"]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train: a config as recipes have it, a collection, and which of its texts are the labels."""

    config: Mapping[str, Any]
    collection: Collection
    by: Labels = "tags"


def start(request: TrainingRequest, *, user: User) -> TrainingRun:
    """Check a config and put the run in line; the edge wakes the worker for long work. Administrators may.

    Raises InvalidInput naming the field of the config, Conflict when the name is taken.
    """
    _require_admin(user)
    collections.find(request.collection.pk, user=user)
    config = training.RunConfig.from_dict(request.config)
    if config.recipe not in training.RECIPES:
        raise InvalidInput.of("recipe", f"The recipe is one of {', '.join(training.RECIPES)}.")
    if config.data.path:
        raise InvalidInput.of("data.path", "The pictures are those of the collection; leave data.path out.")
    _require_weights(config.start.weights)
    weights.require_free(config.name)
    row = TrainingRun.objects.create(
        user=user,
        name=config.name,
        recipe=config.recipe,
        config={"run": config.to_dict(), "collection": str(request.collection.pk), "by": request.by},
        steps=config.optimiser.steps,
    )
    accounts.record(user, "training.started", row, name=row.name, collection=str(request.collection.pk))
    return row


def listing() -> QuerySet[TrainingRun]:
    """Return all runs, newest first."""
    return TrainingRun.objects.select_related("user", "encoder")


def get(run_id: UUID | str) -> TrainingRun:
    """Return one run or raise NotFound."""
    found = listing().filter(pk=run_id).first()
    if found is None:
        raise NotFound("There is no such training run.")
    return found


def seen_by(user: User) -> QuerySet[TrainingRun]:
    """Return the runs on the collections that this administrator sees, newest first, without curves and records."""
    _require_admin(user)
    collection = Cast(KT("config__collection"), UUIDField())
    visible = Collection.objects.visible_to(user).values("pk")
    return listing().alias(collection=collection).filter(collection__in=visible).defer("curve", "record")


def find(run_id: UUID | str, *, user: User) -> TrainingRun:
    """Return one of these, whole. Raises Forbidden, and NotFound when its collection is not visible."""
    found = seen_by(user).defer(None).filter(pk=run_id).first()
    if found is None:
        raise NotFound("There is no such training run.")
    return found


def cancel(row: TrainingRun, *, user: User) -> None:
    """Ask a run to stop; it does so after its present step, and keeps its checkpoint."""
    _require_admin(user)
    TrainingRun.objects.filter(pk=row.pk, state=RunState.QUEUED).update(
        state=RunState.CANCELLED, finished_at=timezone.now()
    )
    TrainingRun.objects.filter(pk=row.pk, state=RunState.RUNNING).update(cancel_asked=True)


def unfinished() -> list[UUID]:
    """Return the runs that nobody works on: those whose worker died, then those in line, first come first."""
    running = TrainingRun.objects.filter(state=RunState.RUNNING).values_list("pk", "worker")
    queued = TrainingRun.objects.filter(state=RunState.QUEUED).order_by("created_at").values_list("pk", flat=True)
    return [*(pk for pk, worker in running if ledger.is_dead(worker)), *queued]


def run(run_id: UUID) -> None:
    """Train; a run that was broken off goes on from its checkpoint. Every expected error ends up on the row."""
    row = _claim(run_id)
    if row is None:
        return
    try:
        result = _train(row)
    except (RetrievalError, training.Diverged) as error:
        _end(row, RunState.FAILED, error_code=getattr(error, "code", "diverged"), error_text=str(error))
        return
    row.refresh_from_db(fields=["cancel_asked"])
    if row.cancel_asked:
        _end(row, RunState.CANCELLED, record=result.record.to_dict())
        return
    encoder = weights.register(row.name, result.weights, sha256=result.sha256)
    encoder.origin = {"training_run": str(row.pk), "recipe": row.recipe, "data": result.record.data_digest}
    encoder.save(update_fields=["origin"])
    _end(row, RunState.DONE, record=result.record.to_dict(), encoder=encoder)


def pictures(collection: Collection, *, by: Labels, side: int) -> training.PictureSet:
    """Decode the living pictures of a collection to side x side, with labels and groups.

    By tags: the first tag is the label and the group key the group. By group key: it is the label. Raises
    InvalidInput when there are too few.
    """
    rows = list(Image.objects.alive().filter(collection=collection).order_by("pk"))
    if len(rows) < FEWEST:
        raise InvalidInput.of("collection", f"Training needs at least {FEWEST} pictures.")
    labels = [(row.tags[0] if row.tags else "") if by == "tags" else row.group_key for row in rows]
    groups = [row.group_key for row in rows] if by == "tags" else []
    decoded = (sandbox.pixels(store.original(row.sha256)) for row in rows)
    return training.from_arrays(decoded, labels, side=side, groups=groups)


def folder_of(row: TrainingRun) -> Path:
    """Where a run keeps its checkpoint, weights and record."""
    return conf.get().data_dir / "training" / str(row.pk)


def _claim(run_id: UUID) -> TrainingRun | None:
    """Take the run, unless somebody alive has it or it is over."""
    with transaction.atomic():
        row = TrainingRun.objects.select_for_update().filter(pk=run_id).first()
        free = row is not None and (
            row.state == RunState.QUEUED or (row.state == RunState.RUNNING and ledger.is_dead(row.worker))
        )
        if row is None or not free or _busy():
            return None
        row.state, row.worker = RunState.RUNNING, ledger.worker_name()
        row.started_at = row.started_at or timezone.now()
        row.save(update_fields=["state", "worker", "started_at"])
    return row


def _busy() -> bool:
    """Tell whether another run is being worked on; one at a time leaves room for everything else."""
    running = TrainingRun.objects.filter(state=RunState.RUNNING).values_list("worker", flat=True)
    return any(not ledger.is_dead(worker) for worker in running)


def _train(row: TrainingRun) -> training.Result:
    config = training.RunConfig.from_dict(row.config["run"])
    collection = Collection.objects.filter(pk=row.config["collection"], deleted_at=None).first()
    if collection is None:
        raise NotFound("The collection of this run is gone.")
    output = folder_of(row)
    places = training.Places(
        pictures=pictures(collection, by=row.config["by"], side=config.data.stored_size),
        weights=encoders.weights_path,
        output=output,
    )
    hooks = training.Hooks(watch=lambda progress: _note(row, progress), stop=_stopper(row))
    return training.run(config, places=places, hooks=hooks, resume=(output / CHECKPOINT).exists())


def _note(row: TrainingRun, progress: training.Progress) -> None:
    """Write the newest point of the curve, for the page that looks at it."""
    row.step, row.steps = progress.step, progress.steps
    row.curve = [*row.curve, asdict(progress.point)]
    row.save(update_fields=["step", "steps", "curve"])


def _stopper(row: TrainingRun) -> Callable[[], bool]:
    """Return a function that tells whether somebody cancelled the run; it asks the database now and then only."""
    asked, answer = 0.0, False

    def stop() -> bool:
        nonlocal asked, answer
        if time.monotonic() - asked > ASK_EVERY:
            asked = time.monotonic()
            answer = TrainingRun.objects.filter(Q(cancel_asked=True), pk=row.pk).exists()
        return answer

    return stop


def _end(row: TrainingRun, state: RunState, **fields: Any) -> None:
    for name, value in {**fields, "state": state, "finished_at": timezone.now()}.items():
        setattr(row, name, value)
    row.save(update_fields=[*fields, "state", "finished_at"])
    log.info("training_ended", run=str(row.pk), state=state, name=row.name)


def _require_weights(name: str) -> None:
    """Say now, and not when the run's turn comes, that the weights to begin with are not there."""
    try:
        if name:
            encoders.weights_path(name.rpartition(":")[2])
    except WeightsError as error:
        raise InvalidInput.of("start.weights", error.message) from error


def _require_admin(user: User) -> None:
    if not user.is_staff:
        raise Forbidden("Only administrators train encoders.")
