"""Calibrate an encoder: what its scores mean, fitted on labelled pictures and kept on its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from django.db import transaction

from retrieval.errors import InvalidInput, NotFound
from retrieval.evaluation import LabelledSet
from retrieval.matching import WORDS, Calibration, Sample, fit
from retrieval.models import CalibrationRun, Collection, Encoder, Labels
from retrieval.progress import Progress
from retrieval.search import vectors
from retrieval.services.evaluation import evaluation, evaluations, lineage
from retrieval.services.evaluation.labelled import CollectionLabels, Folder, LabelSource
from retrieval.services.images import collections, steering
from retrieval.services.people import accounts, rights
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["KIND", "CalibrationRequest", "counts", "measure", "sample_of", "save", "save_words", "start"]

UNLABELLED_CLASS = "_"  # the name of a folder whose pictures have no label


@dataclass(frozen=True)
class CalibrationRequest:
    """Which encoder, by name, to calibrate on the labelled pictures of a collection."""

    encoder: str
    collection: Collection
    labels: Labels = Labels.TAGS


def start(request: CalibrationRequest, *, user: User) -> CalibrationRun:
    """Put a calibration in line; the edge wakes the worker for long work. Administrators may.

    Raises Forbidden, NotFound for a collection that they do not see, and InvalidInput naming the field.
    """
    rights.require_administrator(user, to="calibrate encoders")
    collections.find(request.collection.pk, user=user)
    evaluations.require_vectors((request.encoder,), field="encoder")
    evaluations.require_labels(request.collection, request.labels)
    row = CalibrationRun.objects.create(
        user=user, collection=request.collection, encoder=request.encoder, labels=request.labels
    )
    accounts.record(user, "calibrationrun.started", row, encoder=row.encoder, collection=str(row.collection_id))
    return row


def measure(encoder: Encoder, sources: Sequence[Folder | CollectionLabels], *, progress: Progress) -> Calibration:
    """Fit a calibration of this encoder on labelled pictures; nothing is stored.

    Several sources are strangers to each other; pictures of a class called ``_`` are strangers without a label. What it
    is fitted on names the sources too (``lineage.of_set``). Raises InvalidInput when the labelled pictures are too few.
    """
    if not sources:
        raise InvalidInput.of("folders", "Name at least one folder of class folders.")
    loaded = [source.load([encoder], progress=progress) for source in sources]
    found = fit(sample_of([each.galleries[0] for each in loaded]))
    names = set[str]().union(*(lineage.of_set(dataset=each.name, digest=each.digest) for each in loaded))
    return replace(found, fitted_on={**found.fitted_on, lineage.LEARNED_FROM: sorted(names)})


def counts(calibration: Calibration) -> dict[str, int]:
    """On how many pictures, queries and sets it was fitted."""
    return {name: number for name, number in calibration.fitted_on.items() if isinstance(number, int)}


def sample_of(labelled: Sequence[LabelledSet]) -> Sample:
    """Labelled sets as one sample: labels numbered through, one set's number for each."""
    labels, start = [], 0
    for each in labelled:
        none = np.array([name == UNLABELLED_CLASS for name in each.classes])
        labels.append(np.where(none[each.labels], -1, each.labels + start))
        start += len(each.classes)
    return Sample(
        vectors=np.concatenate([vectors.unit(np.asarray(each.vectors, np.float32)).vectors for each in labelled]),
        labels=np.concatenate(labels),
        sets=np.repeat(np.arange(len(labelled)), [len(each) for each in labelled]),
    )


def save(encoder: Encoder, calibration: Calibration) -> None:
    """Keep it on the encoder's row, committed at once: the next search speaks by it. Raises NotFound when dropped."""
    _change(encoder, lambda kept: {**calibration.to_dict(), **({WORDS: kept[WORDS]} if WORDS in kept else {})})


def save_words(encoder: Encoder, calibration: Calibration) -> None:
    """Keep what its words' scores mean beside what its pictures' do, committed at once.

    Raises NotFound when dropped, and InvalidInput before its pictures' scores are calibrated.
    """
    if not encoder.calibration:
        raise InvalidInput.of("name", f"Calibrate the pictures of {encoder.name} first; see calibrate_encoder.")
    _change(encoder, lambda kept: {**kept, WORDS: calibration.to_dict()})


def _change(encoder: Encoder, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    with transaction.atomic():
        row = Encoder.objects.select_for_update().filter(pk=encoder.pk).first()
        if row is None:
            raise NotFound("There is no such encoder.")
        row.calibration = change(row.calibration)
        row.save(update_fields=["calibration"])
    encoder.calibration = row.calibration


def _calibrate(row: CalibrationRun, progress: ProgressWriter[CalibrationRun]) -> Settle:
    """Fit on the collection as the person who asked sees it now; searches speak by it from the end on."""
    collection = collections.find(row.collection_id, user=row.user)
    encoder = evaluation.named(row.encoder)
    source = CollectionLabels(collection, row.user, by=cast(LabelSource, row.labels))
    found = measure(encoder, [source], progress=progress)

    def settle() -> dict[str, Any]:
        save(encoder, found)
        return {"result": counts(found)}

    return settle


KIND = Kind(
    "calibrations",
    _calibrate,
    model=CalibrationRun,
    require=steering.require,
    seen_by=partial(steering.seen_by, model=CalibrationRun, large=()),
)
