"""Calibrate an encoder: what its scores mean, fitted on labelled pictures and kept on its row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from retrieval.errors import InvalidInput, NotFound
from retrieval.evaluation import LabelledSet
from retrieval.matching import Calibration, Sample, fit
from retrieval.models import Encoder
from retrieval.search import vectors
from retrieval.services.evaluation.labelled import CollectionLabels, Folder
from retrieval.services.images.decoding import Progress

__all__ = ["measure", "sample_of", "save"]

UNLABELLED_CLASS = "_"  # the name of a folder whose pictures have no label


def measure(encoder: Encoder, sources: Sequence[Folder | CollectionLabels], *, progress: Progress) -> Calibration:
    """Fit a calibration of this encoder on labelled pictures; nothing is stored.

    Several sources are strangers to each other; pictures of a class called ``_`` are strangers without a label. Raises
    InvalidInput when the labelled pictures are too few.
    """
    if not sources:
        raise InvalidInput.of("folders", "Name at least one folder of class folders.")
    return fit(sample_of([source.load([encoder], progress=progress).galleries[0] for source in sources]))


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
    with transaction.atomic():
        row = Encoder.objects.select_for_update().filter(pk=encoder.pk).first()
        if row is None:
            raise NotFound("There is no such encoder.")
        row.calibration = calibration.to_dict()
        row.save(update_fields=["calibration"])
    encoder.calibration = row.calibration
