"""Compression inside the product: smaller versions of an encoder measured on a collection, and one of them adopted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval import conf, training
from retrieval.compression import FEWEST_TO_TUNE, STORED, Table, slug
from retrieval.errors import Conflict, InvalidInput, NotFound, RetrievalError
from retrieval.models import Collection, Compression, Encoder, Image, Labels, RunState
from retrieval.services.encoders import compression
from retrieval.services.encoders.compression import MOST_CALIBRATION, Wanted
from retrieval.services.evaluation import evaluation, evaluations
from retrieval.services.evaluation.labelled import CollectionLabels, LabelSource
from retrieval.services.images import collections, lines
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_DIMENSIONS = 6
LEAST_KEPT = 0.1
MOST_STEPS = 1000


@dataclass(frozen=True)
class CompressionRequest:
    """What to make smaller, by name, and on which pictures; ``wanted.calibration`` is not looked at.

    Without a ``calibration`` collection the measured pictures calibrate as well, which flatters a little.
    """

    encoder: str
    collection: Collection
    labels: Labels = Labels.TAGS
    calibration: Collection | None = None
    wanted: Wanted = field(default_factory=Wanted)


def start(request: CompressionRequest, *, user: User) -> Compression:
    """Put a compression in line; the edge wakes the worker for long work. Administrators may.

    Raises Forbidden, NotFound for a collection that they do not see, and InvalidInput naming the field.
    """
    rights.require_administrator(user, to="make encoders smaller")
    for chosen in filter(None, (request.collection, request.calibration)):
        collections.find(chosen.pk, user=user)
    evaluations.require_labels(request.collection, request.labels)
    _require_possible(request)
    wanted = request.wanted
    row = Compression.objects.create(
        user=user,
        encoder=request.encoder,
        collection=request.collection,
        labels=request.labels,
        calibration=request.calibration.pk if request.calibration else None,
        dimensions=list(wanted.dimensions),
        int8=wanted.int8,
        keep=wanted.keep,
        steps=wanted.steps,
    )
    accounts.record(user, "compression.started", row, encoder=row.encoder, collection=str(row.collection_id))
    return row


def listing(user: User) -> QuerySet[Compression]:
    """Return the compressions on the collections that this administrator sees, newest first, without their results."""
    rights.require_administrator(user, to="make encoders smaller")
    visible = Compression.objects.filter(collection__in=Collection.objects.visible_to(user))
    return visible.select_related("user", "collection").defer("result")


def get(compression_id: UUID | str, *, user: User) -> Compression:
    """Return one compression with its result. Raises Forbidden, and NotFound when its collection is not visible."""
    found = listing(user).defer(None).filter(pk=compression_id).first()
    if found is None:
        raise NotFound("There is no such compression.")
    return found


def unfinished() -> list[UUID]:
    """Return what is not over, first come first; ``run`` finds out whether somebody alive is at it."""
    return lines.unfinished(Compression)


def run(compression_id: UUID) -> bool:
    """Measure every version and keep the table and the weights of what can be adopted; False: nothing was to be done.

    May be asked twice: one worker at a time has it, and one that died or fell silent loses it to the next, which
    begins anew. Every expected error ends up on the row.
    """
    row = lines.claim(Compression, compression_id)
    if row is None:
        return False
    try:
        found = _measured(row)
    except lines.StoppedError:
        lines.end(row, RunState.CANCELLED)
    except (RetrievalError, training.Diverged) as error:
        lines.fail(row, error)
    else:
        lines.end(row, RunState.DONE, result=found.to_dict())
    if not _keeping().filter(pk=row.pk).exists():
        discard(row.pk)
    return True


def cancel(row: Compression, *, user: User) -> None:
    """Take it out of the line, or ask its worker to stop, which it does within seconds."""
    rights.require_administrator(user, to="make encoders smaller")
    rows = Compression.objects.filter(pk=row.pk)
    rows.filter(state=RunState.QUEUED).update(state=RunState.CANCELLED, finished_at=timezone.now())
    rows.filter(state=RunState.RUNNING).update(cancel_asked=True)


def remove(row: Compression, *, user: User) -> None:
    """Forget one with its weights; what was adopted stays. Raises Conflict for one that is not over."""
    rights.require_administrator(user, to="make encoders smaller")
    with transaction.atomic():
        if not Compression.objects.filter(pk=row.pk).exclude(state__in=lines.GOING).delete()[0]:
            raise Conflict("Stop it first; only one that is over can be removed.", code="compression_going")
        accounts.record(user, "compression.removed", row, encoder=row.encoder)
        transaction.on_commit(lambda: discard(row.pk))


def table(row: Compression) -> Table | None:
    """Return the table of one that is done, without single classes and pictures; else None."""
    return Table.from_dict(row.result) if row.result else None


def adopt(row: Compression, name: str, *, called: str, user: User) -> Encoder:
    """Make a draft encoder of a row of the table, with its weights and scorecard; without a name one is made up.

    Raises Forbidden, what ``compression.adopt`` raises, and Conflict while nothing is measured yet.
    """
    rights.require_administrator(user, to="make encoders smaller")
    found = table(row)
    if found is None:
        raise Conflict("There is no table yet to adopt a row of.", code="compression_unfinished")
    with transaction.atomic():
        called = called or suggested(found).get(name, "")
        adopted = compression.adopt(found, name, folder=folder_of(row.pk), called=called)
        adopted.origin = {**adopted.origin, "compression": str(row.pk)}
        adopted.save(update_fields=["origin"])
        accounts.record(user, "encoder.adopted", adopted, name=adopted.name, source=row.encoder, row=name)
    return adopted


def adopted(row: Compression) -> dict[str, str]:
    """Return the encoders that were made of rows: the row's name -> the newest encoder's."""
    made = Encoder.objects.filter(origin__compression=str(row.pk)).order_by("created_at")
    return {encoder.origin["row"]: encoder.name for encoder in made}


def suggested(found: Table) -> dict[str, str]:
    """Return a free encoder name for each row that can be adopted."""
    return {each.name: _free(slug(f"{found.source}-{each.name}")) for each in found.rows if each.sha256}


def folder_of(compression_id: UUID) -> Path:
    """Where the weights of what can be adopted lie."""
    return _root() / str(compression_id)


def discard(compression_id: UUID) -> None:
    """Remove the weights."""
    shutil.rmtree(folder_of(compression_id), ignore_errors=True)


def strays() -> list[Path]:
    """Return the folders whose row is gone, with its collection for example, or ended without a table."""
    known = {str(pk) for pk in _keeping().values_list("pk", flat=True)}
    return [path for path in _root().iterdir() if path.name not in known] if _root().is_dir() else []


def tidy() -> int:
    """Remove the folders that no row needs; return how many."""
    gone = strays()
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def _keeping() -> QuerySet[Compression]:
    """Those whose folder is needed: they are done, or are being worked on, be it by another attempt."""
    return Compression.objects.exclude(state__in=(RunState.FAILED, RunState.CANCELLED))


def _root() -> Path:
    return conf.get().data_dir / "compressions"


def _free(name: str) -> str:
    """The name, numbered when it is taken, and no longer than a name may be."""
    taken = set(Encoder.objects.filter(name__startswith=name[:70]).values_list("name", flat=True))
    numbered = (name[:70] + f"-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name[:80], *numbered) if each not in taken)


def _measured(row: Compression) -> Table:
    """Measure on the collection as the person who asked sees it now; the encoder's own scorecard is committed."""
    collection = collections.find(row.collection_id, user=row.user)
    calibration = collections.find(row.calibration, user=row.user) if row.calibration else collection
    encoder = evaluation.named(row.encoder)
    discard(row.pk)
    folder_of(row.pk).mkdir(parents=True)
    found = compression.run(
        encoder,
        source=CollectionLabels(collection, row.user, by=cast(LabelSource, row.labels)),
        wanted=Wanted(tuple(row.dimensions), row.int8, row.keep, row.steps, CollectionLabels(calibration, row.user)),
        workshop=compression.workshop_in(folder_of(row.pk), _Notes(lines.Teller(row, only={"cancel_asked": False}))),
    )
    # So that an adopted row is compared with what searches find by the encoder that it was made of.
    reports = tuple(each.report for each in found.rows if each.name == STORED)
    evaluation.save_scorecards([encoder], result=evaluation.Result(reports, {}, ()))
    return found.brief()


@dataclass
class _Notes:
    """Writes to the row what is being done and how far that is, the beginning of each stage in any case."""

    tell: lines.Teller[Compression]
    stage: str = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self.stage:
            self.stage, self.tell.told = what, 0.0
        if not self.tell(stage=what, done=done, total=total):
            raise lines.StoppedError


def _require_possible(request: CompressionRequest) -> None:
    wanted, encoder = request.wanted, Encoder.objects.filter(name=request.encoder).first()
    if encoder is None:
        raise InvalidInput.of("encoder", f"There is no encoder named {request.encoder!r}.")
    _require_bounds(wanted)
    pruned = wanted.keep < 1
    if pruned and (encoder.spec.get("backbone") != "mobilenet_v2" or encoder.spec.get("precision") == "int8"):
        raise InvalidInput.of("keep", f"{encoder.name} cannot be pruned: only a MobileNetV2 that is not in 8 bits can.")
    pictures = Image.objects.alive().filter(collection=request.calibration or request.collection)
    there = min(pictures.count(), MOST_CALIBRATION)
    if not there:
        raise InvalidInput.of("calibration", "This collection has no picture to calibrate on.")
    longest = max(wanted.fewer(encoder.dimension), default=0)
    if there <= longest:
        text = f"{longest} dimensions need more than {longest} pictures to calibrate on; {there} are taken."
        raise InvalidInput.of("dimensions", text)
    if pruned and there < FEWEST_TO_TUNE:
        raise InvalidInput.of("keep", f"A fine-tune after pruning needs at least {FEWEST_TO_TUNE} pictures.")


def _require_bounds(wanted: Wanted) -> None:
    if len(wanted.dimensions) > MOST_DIMENSIONS or len(set(wanted.dimensions)) != len(wanted.dimensions):
        raise InvalidInput.of("dimensions", f"Name at most {MOST_DIMENSIONS} numbers, each only once.")
    if any(not 2 <= dimension < MOST_CALIBRATION for dimension in wanted.dimensions):
        raise InvalidInput.of("dimensions", f"Each number of dimensions is from 2 to {MOST_CALIBRATION - 1}.")
    if not LEAST_KEPT <= wanted.keep <= 1:
        raise InvalidInput.of("keep", f"The share that is kept is from {LEAST_KEPT} to 1.")
    if not 1 <= wanted.steps <= MOST_STEPS:
        raise InvalidInput.of("steps", f"A fine-tune has 1 to {MOST_STEPS} steps.")
