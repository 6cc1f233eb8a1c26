"""Compression inside the product: smaller versions of an encoder measured on a collection, and one of them adopted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.db import transaction

from retrieval.compression import FEWEST_TO_TUNE, STORED, Table, slug
from retrieval.errors import Conflict, InvalidInput
from retrieval.models import GOING, Collection, Compression, Encoder, Image, Labels, LongJobState
from retrieval.services.encoders import compression, neighbourhoods
from retrieval.services.encoders.compression import MOST_CALIBRATION, Wanted
from retrieval.services.evaluation import evaluation, evaluations, lineage
from retrieval.services.evaluation.labelled import CollectionLabels, LabelSource
from retrieval.services.images import collections, steering
from retrieval.services.people import accounts, rights
from retrieval.work import Kind, ProgressWriter, Settle

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


def table(row: Compression) -> Table | None:
    """Return the table of one that is done, without single classes and pictures; else None."""
    return Table.from_dict(row.result) if row.result else None


def learned_from_these(found: Table) -> bool:
    """Tell whether the smaller versions, or the encoder that they are of, learned from the pictures measured."""
    measured, source = found.rows[0].report.subject, Encoder.objects.filter(name=found.source).first()
    learned_from = {found.calibrated_on, *(lineage.sources(source) if source else ())}
    return lineage.among(learned_from, dataset=measured.dataset, digest=measured.digest)


@dataclass(frozen=True)
class Adoption:
    """A row of a table by name, and what its encoder is to be called; ``again`` though it was adopted already."""

    row: str
    called: str = ""
    again: bool = False


def adopt(row: Compression, wanted: Adoption, *, user: User) -> Encoder:
    """Make a draft encoder of a row of the table, with its weights and scorecard; without a name one is made up.

    Raises Forbidden, what ``compression.adopt`` raises, and Conflict while nothing is measured yet, or for a row that
    was adopted already.
    """
    rights.require_administrator(user, to="make encoders smaller")
    found = table(row)
    if found is None:
        raise Conflict("There is no table yet to adopt a row of.", code="compression_unfinished")
    with transaction.atomic():
        Compression.objects.select_for_update().get(pk=row.pk)  # two at once would both find it free
        if (there := adopted(row).get(wanted.row)) and not wanted.again:
            text = f"{wanted.row} was adopted already, as {there}. Say again to make another encoder of it."
            raise Conflict(text, code="adopted_already")
        called = wanted.called or suggested(found).get(wanted.row, "")
        made = compression.adopt(found, wanted.row, folder=KIND.folder_of(row), called=called)
        made.origin = {**made.origin, "compression": str(row.pk)}
        made.save(update_fields=["origin"])
        accounts.record(user, "encoder.adopted", made, name=made.name, source=row.encoder, row=wanted.row)
    return made


def adopted(row: Compression) -> dict[str, str]:
    """Return the encoders that were made of rows: the row's name -> the newest encoder's."""
    made = Encoder.objects.filter(origin__compression=str(row.pk)).order_by("created_at")
    return {encoder.origin["row"]: encoder.name for encoder in made}


def suggested(found: Table) -> dict[str, str]:
    """Return a free encoder name for each row that can be adopted."""
    return {each.name: _free(slug(f"{found.source}-{each.name}")) for each in found.rows if each.sha256}


def _free(name: str) -> str:
    """The name, numbered when it is taken, and no longer than a name may be."""
    taken = set(Encoder.objects.filter(name__startswith=name[:70]).values_list("name", flat=True))
    numbered = (name[:70] + f"-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name[:80], *numbered) if each not in taken)


def _measure(row: Compression, progress: ProgressWriter[Compression]) -> Settle:
    """Measure every version, as the person who asked sees the collection now; the weights are left in its folder."""
    collection = collections.find(row.collection_id, user=row.user)
    calibration = collections.find(row.calibration, user=row.user) if row.calibration else collection
    encoder, folder = evaluation.named(row.encoder), KIND.folder_of(row)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = compression.run(
        encoder,
        source=CollectionLabels(collection, row.user, by=cast(LabelSource, row.labels)),
        wanted=Wanted(tuple(row.dimensions), row.int8, row.keep, row.steps, CollectionLabels(calibration, row.user)),
        workshop=compression.workshop_in(folder, progress),
    )

    def settle() -> dict[str, Any]:
        # So that an adopted row is compared with what searches find by the encoder that it was made of.
        reports = tuple(each.report for each in found.rows if each.name == STORED)
        evaluation.save_scorecards([encoder], result=evaluation.Result(reports, {}, ()))
        return {"result": found.brief().to_dict()}

    return settle


def _require_possible(request: CompressionRequest) -> None:
    wanted, encoder = request.wanted, Encoder.objects.filter(name=request.encoder).first()
    if encoder is None:
        raise InvalidInput.of("encoder", f"There is no encoder named {request.encoder!r}.")
    neighbourhoods.require_plain(encoder)
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


KIND = Kind(
    "compressions",
    _measure,
    model=Compression,
    require=steering.require,
    seen_by=partial(steering.seen_by, model=Compression),
    folder="compressions",
    keeps=(*GOING, LongJobState.DONE),  # whatever ended otherwise begins anew
    most=timedelta(days=3),
)
