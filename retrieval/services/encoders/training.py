"""Training inside the product: a run on a collection, its curve while it goes, and a draft encoder at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import QuerySet, UUIDField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from numpy.typing import NDArray

from retrieval import conf, live_encoders, training
from retrieval.errors import InvalidInput, NotFound, RetrievalError, WeightsError
from retrieval.ingest import sandbox, store
from retrieval.models import Collection, Image, RunState, TrainingRun
from retrieval.services.encoders import weights
from retrieval.services.images import collections, lines
from retrieval.services.people import accounts, rights
from retrieval.training import CHECKPOINT

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

FEWEST = 8
Labels = Literal["tags", "group_key"]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train: a config as recipes have it, a collection, and which of its texts are the labels."""

    config: Mapping[str, Any]
    collection: Collection
    by: Labels = "tags"


def start(request: TrainingRequest, *, user: User) -> TrainingRun:
    """Check a config and put the run in line; the edge wakes the worker for long work. Administrators may.

    Raises InvalidInput naming the field of the config, also for the name of a run that is not over, and Conflict when
    an encoder has the name.
    """
    rights.require_administrator(user, to="train encoders")
    collections.find(request.collection.pk, user=user)
    config = training.RunConfig.from_dict(request.config)
    training.require_recipe(config)
    if config.data.path:
        raise InvalidInput.of("data.path", "The pictures are those of the collection; leave data.path out.")
    _require_weights(config.start.weights)
    with transaction.atomic():
        _require_name(config.name)
        row = TrainingRun.objects.create(
            user=user,
            name=config.name,
            recipe=config.recipe,
            config={"run": config.to_dict(), "collection": str(request.collection.pk), "by": request.by},
            steps=config.optimiser.steps,
        )
        accounts.record(user, "training.started", row, name=row.name, collection=str(request.collection.pk))
    return row


def listing(user: Viewer) -> QuerySet[TrainingRun]:
    """Return the runs on the collections that this person sees, newest first."""
    collection = Cast(KT("config__collection"), UUIDField())
    visible = Collection.objects.visible_to(user).values("pk")
    runs = TrainingRun.objects.select_related("user", "encoder")
    return runs.alias(collection=collection).filter(collection__in=visible)


def get(run_id: UUID | str, *, user: Viewer) -> TrainingRun:
    """Return one run or raise NotFound, also when its collection is not visible."""
    found = listing(user).filter(pk=run_id).first()
    if found is None:
        raise NotFound("There is no such training run.")
    return found


def seen_by(user: User) -> QuerySet[TrainingRun]:
    """Return the same for an administrator, without curves and records. Raises Forbidden."""
    rights.require_administrator(user, to="train encoders")
    return listing(user).defer("curve", "record")


def find(run_id: UUID | str, *, user: User) -> TrainingRun:
    """Return one run for an administrator. Raises Forbidden and NotFound."""
    rights.require_administrator(user, to="train encoders")
    return get(run_id, user=user)


def cancel(row: TrainingRun, *, user: User) -> None:
    """Ask a run to stop; it does so after its present step, and keeps its checkpoint."""
    rights.require_administrator(user, to="train encoders")
    TrainingRun.objects.filter(pk=row.pk, state=RunState.QUEUED).update(
        state=RunState.CANCELLED, finished_at=timezone.now()
    )
    TrainingRun.objects.filter(pk=row.pk, state=RunState.RUNNING).update(cancel_asked=True)


def unfinished() -> list[UUID]:
    """Return what is not over, first come first; ``run`` finds out whether somebody alive is at it."""
    return lines.unfinished(TrainingRun)


def run(run_id: UUID) -> bool:
    """Train and make a draft encoder; False when there was nothing to do.

    May be asked twice: one worker at a time has it, and one that died or fell silent loses it to the next, which goes
    on from the checkpoint. Every expected error ends up on the row.
    """
    row = lines.claim(TrainingRun, run_id)
    if row is None:
        return False
    try:
        _train(row)
    except lines.StoppedError:
        lines.end(row, RunState.CANCELLED)
    except (RetrievalError, training.Diverged) as error:
        lines.fail(row, error)
    return True


def pictures(collection: Collection, *, by: Labels, side: int, notes: Notes) -> training.PictureSet:
    """Decode the pictures of a collection that this person sees to side x side, with labels and groups.

    By tags: the first tag is the label and the group key the group. By group key: it is the label. Pictures whose
    original vanished are left out. Raises InvalidInput when there are too few, and StoppedError.
    """
    rows = list(Image.objects.visible_to(notes.row.user).filter(collection=collection).order_by("pk"))
    _require_enough(len(rows))
    labels = [(row.tags[0] if row.tags else "") if by == "tags" else row.group_key for row in rows]
    groups = [row.group_key for row in rows] if by == "tags" else []
    there = np.ones(len(rows), np.bool_)
    found = training.from_arrays(_decoded(rows, there, notes=notes), labels, side=side, groups=groups)
    _require_enough(int(there.sum()))
    return found if there.all() else found.at(there)


@dataclass
class Notes:
    """Writes the curve to the row and that its worker is alive, and remembers when nobody wanted it any more."""

    row: TrainingRun
    tell: lines.Teller[TrainingRun]
    stopped: bool = False

    @classmethod
    def of(cls, row: TrainingRun) -> Notes:
        """For a row that was claimed."""
        return cls(row, lines.Teller(row, only={"cancel_asked": False}))

    def stop(self) -> bool:
        """Tell whether somebody cancelled the run or it is not ours any more; asks the database only now and then."""
        self.stopped = self.stopped or not self.tell()
        return self.stopped

    def watch(self, progress: training.Progress) -> None:
        """Write the newest point of the curve; whoever gets further than ever before has used up no attempt."""
        row, further = self.row, progress.step > self.row.step
        row.step, row.steps = max(row.step, progress.step), progress.steps
        # After a checkpoint was gone back to, the steps since then come again.
        row.curve = [point for point in row.curve if point["step"] < progress.step] + [asdict(progress.point)]
        self.tell.told = 0.0
        attempts = 1 if further else row.attempts
        if self.tell(step=row.step, steps=row.steps, curve=row.curve, attempts=attempts):
            row.attempts = attempts


def folder_of(row: TrainingRun) -> Path:
    """Where a run keeps its checkpoint, weights and record."""
    return conf.get().data_dir / "training" / str(row.pk)


def _train(row: TrainingRun) -> None:
    """Train on the collection as the person who asked sees it now."""
    config, notes, output = training.RunConfig.from_dict(row.config["run"]), Notes.of(row), folder_of(row)
    collection = collections.find(row.config["collection"], user=row.user)
    places = training.Places(
        pictures=pictures(collection, by=row.config["by"], side=config.data.stored_size, notes=notes),
        weights=live_encoders.weights_path,
        output=output,
    )
    hooks = training.Hooks(watch=notes.watch, stop=notes.stop)
    result = training.run(config, places=places, hooks=hooks, resume=(output / CHECKPOINT).exists())
    if notes.stopped:
        lines.end(row, RunState.CANCELLED, record=result.record.to_dict())
    else:
        _finish(row, result)


def _finish(row: TrainingRun, result: training.Result) -> None:
    """Make the draft encoder and end the run, both or neither. Raises StoppedError when it is not ours any more."""
    record = result.record.to_dict()
    with transaction.atomic():
        encoder = weights.register(row.name, result.weights, sha256=result.sha256)
        encoder.origin = {"training_run": str(row.pk), "recipe": row.recipe, "data": record["data_digest"]}
        encoder.save(update_fields=["origin"])
        if not lines.end(row, RunState.DONE, record=record, encoder=encoder):
            raise lines.StoppedError


def _decoded(rows: list[Image], there: NDArray[np.bool_], *, notes: Notes) -> Iterator[NDArray[np.uint8]]:
    """The pixels of each row; where the original vanished nothing but a mark in ``there``, and one black pixel."""
    for number, row in enumerate(rows):
        if notes.stop():
            raise lines.StoppedError
        try:
            yield sandbox.pixels(store.original(row.sha256))
        except FileNotFoundError:
            there[number] = False
            yield np.zeros((1, 1, 3), np.uint8)


def _require_enough(pictures: int) -> None:
    if pictures < FEWEST:
        raise InvalidInput.of("collection", f"Training needs at least {FEWEST} pictures.")


def _require_name(name: str) -> None:
    """Say now that the name is taken, or will be by the time of this run's end; held until the transaction ends."""
    weights.hold_name(name)
    if TrainingRun.objects.filter(name=name, state__in=lines.GOING).exists():
        raise InvalidInput.of("name", f"A run called {name} is in line or going on already.", code="run_named_so")


def _require_weights(name: str) -> None:
    """Say now, and not when the run's turn comes, that the weights to begin with are not there."""
    try:
        if name:
            live_encoders.weights_path(name.rpartition(":")[2])
    except WeightsError as error:
        raise InvalidInput.of("start.weights", error.message) from error
