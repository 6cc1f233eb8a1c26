"""Training inside the product: a run on a collection, its curve while it goes, and a draft encoder at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction

from retrieval import live_encoders, training
from retrieval.embedding import Pixels
from retrieval.errors import InvalidInput, RetrievalError, Unavailable, WeightsError
from retrieval.ingest import Part, sandbox, store
from retrieval.models import GOING, Collection, Encoder, Image, Labels, TrainingRun
from retrieval.services.encoders import weights
from retrieval.services.evaluation import lineage
from retrieval.services.images import collections, steering
from retrieval.services.people import accounts, rights
from retrieval.work import Kind, ProgressWriter, Settle, StoppedError

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class TrainingRequest:
    """What to train: a config as recipes have it, a collection, and which of its texts are the labels."""

    config: Mapping[str, Any]
    collection: Collection
    labels: Labels = Labels.TAGS


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
    _require_weights(config)
    with transaction.atomic():
        _require_name(config.name)
        row = TrainingRun.objects.create(
            user=user,
            name=config.name,
            recipe=config.recipe,
            collection=request.collection,
            labels=request.labels,
            config=config.to_dict(),
            steps=config.optimiser.steps,
        )
        accounts.record(user, "training.started", row, name=row.name, collection=str(request.collection.pk))
    return row


def pictures(collection: Collection, *, side: int, progress: ProgressWriter[TrainingRun]) -> training.PictureSet:
    """Decode the pictures of a collection that the run's person sees to side x side, with labels and groups.

    By tags: the first tag is the label and the group key the group. By group key: it is the label. Pictures whose
    original vanished or cannot be read are left out. Raises InvalidInput when there are too few, and StoppedError.
    """
    run, by_tags = progress.row, progress.row.labels == Labels.TAGS
    rows = list(Image.objects.visible_to(run.user).filter(collection=collection).order_by("pk"))
    _require_enough(len(rows))
    labels = [(row.tags[0] if row.tags else "") if by_tags else row.group_key for row in rows]
    groups = [row.group_key for row in rows] if by_tags else []
    found = training.from_arrays(_decoded(rows, progress), labels, side=side, groups=groups)
    _require_enough(len(found))
    return found


@dataclass
class Watch:
    """The loop's ties to the row: writes the curve, and remembers why it is to end before its time."""

    progress: ProgressWriter[TrainingRun]
    ended: StoppedError | RetrievalError | None = None

    def stop(self) -> bool:
        """Tell whether to stop after this step, which keeps the checkpoint; asks the database only now and then."""
        try:
            self.progress.note()
        except (StoppedError, RetrievalError) as error:
            self.ended = error
        return self.ended is not None

    def watch(self, at: training.Progress) -> None:
        """Write the newest point of the curve; whoever gets further than ever before has used up no attempt."""
        row, further = self.progress.row, at.step > self.progress.row.step
        row.step, row.steps = max(row.step, at.step), at.steps
        # After a checkpoint was gone back to, the steps since then come again.
        row.curve = [point for point in row.curve if point["step"] < at.step] + [asdict(at.point)]
        figures = {"stage": "training", "done": at.step, "total": at.steps, "step": row.step, "curve": row.curve}
        try:
            (self.progress.further if further else self._again)(**figures, steps=at.steps)
        except (StoppedError, RetrievalError) as error:
            self.ended = error

    def _again(self, **figures: Any) -> None:
        self.progress.note(at_once=True, **figures)


def _train(row: TrainingRun, progress: ProgressWriter[TrainingRun]) -> Settle:
    """Train on the collection as the person who asked sees it now; the end makes the draft encoder."""
    config, watch, output = training.RunConfig.from_dict(row.config), Watch(progress), KIND.folder_of(row)
    collection = collections.find(row.collection_id, user=row.user)
    places = training.Places(
        pictures=pictures(collection, side=config.data.stored_size, progress=progress),
        weights=live_encoders.weights_path,
        output=output,
    )
    hooks = training.Hooks(watch=watch.watch, stop=watch.stop)
    result = training.run(config, places=places, hooks=hooks, resume=(output / training.CHECKPOINT).exists())
    if watch.ended:
        raise watch.ended
    record = result.record.to_dict()

    def settle() -> dict[str, Any]:
        return {"record": record, "encoder": registered(row.name, result, training_run=str(row.pk))}

    return settle


def registered(
    name: str, result: training.Result, *, training_run: str = "", learned_from: Iterable[str] = ()
) -> Encoder:
    """A draft encoder of a run's weights that keeps where it comes from: recipe, digest of the data, what made it.

    ``learned_from``: digests of the labelled pictures, as an evaluation counts them.
    """
    encoder = weights.register(name, result.weights, sha256=result.sha256)
    record = result.record
    made_by = {"training_run": training_run} if training_run else {}
    encoder.origin = {**made_by, "recipe": record.config["recipe"], "data": record.data_digest}
    began_from = training.weights_of(training.RunConfig.from_dict(record.config))
    ancestors = Encoder.objects.filter(weights_name__in=[each.rpartition(":")[2] for each in began_from])
    lineage.write(encoder, ancestors=ancestors.exclude(pk=encoder.pk), also=learned_from)
    encoder.save(update_fields=["origin"])
    return encoder


def _decoded(rows: list[Image], progress: ProgressWriter[TrainingRun]) -> Iterator[Pixels | str]:
    """The pixels of each row; where the original vanished or cannot be read, why it is left out."""
    for number, row in enumerate(rows):
        progress("reading", number, len(rows))
        try:
            yield sandbox.pixels(store.original(row.sha256), part=Part.of(row))
        except Unavailable:  # reading itself does not work; no picture is to blame
            raise
        except FileNotFoundError:
            yield f"The original of {row.pk} vanished."
        except RetrievalError as error:
            yield f"{row.pk} cannot be read as a picture: {error.message}"


def _require_enough(pictures: int) -> None:
    if pictures < training.FEWEST:
        raise InvalidInput.of("collection", f"Training needs at least {training.FEWEST} pictures.")


def _require_name(name: str) -> None:
    """Say now that the name is taken, or will be by the time of this run's end; held until the transaction ends."""
    weights.hold_name(name)
    if TrainingRun.objects.filter(name=name, state__in=GOING).exists():
        raise InvalidInput.of("name", f"A run called {name} is in line or going on already.", code="run_named_so")


def _require_weights(config: training.RunConfig) -> None:
    """Say now, and not when the run's turn comes, that the weights to begin with or a teacher's are not there."""
    for name in training.weights_of(config):
        try:
            live_encoders.weights_path(name.rpartition(":")[2])
        except WeightsError as error:
            field = "start.weights" if name == config.start.weights else "options.teachers"
            raise InvalidInput.of(field, error.message) from error


def _may_begin_again(row: TrainingRun) -> None:
    _require_weights(training.RunConfig.from_dict(row.config))
    _require_name(row.name)


KIND = Kind(
    "training",
    _train,
    model=TrainingRun,
    require=steering.require,
    seen_by=partial(steering.seen_by, model=TrainingRun, large=("curve", "record")),
    again=_may_begin_again,
    folder="training",
    most=timedelta(days=14),
)
