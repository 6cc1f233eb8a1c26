"""Calibrations as rows: what an encoder's scores mean, measured on a collection."""

from __future__ import annotations

from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.evaluations import PICTURE_LABELS, Labels
from retrieval.models.long_jobs import LongJob


class CalibrationRun(LongJob):
    """One calibration of an encoder, by name; ``result`` says on how many pictures of what kind it was fitted."""

    encoder = models.CharField(max_length=ENCODER_NAME_LENGTH)
    labels = models.CharField(max_length=10, choices=PICTURE_LABELS, default=Labels.TAGS)
    result = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.encoder
