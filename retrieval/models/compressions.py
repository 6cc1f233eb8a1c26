"""Compressions as rows: smaller versions of an encoder measured on a collection, how far that is, what came out."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.evaluations import PICTURE_LABELS, Labels
from retrieval.models.long_jobs import LongJob


class Compression(LongJob):
    """One table of smaller versions of an encoder, which is known by its name.

    ``calibration`` is the id of the collection whose pictures calibrate, none for the measured one. ``result`` is the
    table, empty until it is done; the weights of what can be adopted lie in a folder of the row's own.
    """

    encoder = models.CharField(max_length=ENCODER_NAME_LENGTH)
    labels = models.CharField(max_length=10, choices=PICTURE_LABELS, default=Labels.TAGS)
    calibration = models.UUIDField(null=True, blank=True)
    dimensions = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    int8 = models.BooleanField(default=True)
    keep = models.FloatField(default=1.0, help_text="The share of channels that pruning leaves; 1: no pruning.")
    steps = models.PositiveIntegerField(default=100, help_text="Of the fine-tune after pruning.")
    result = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.encoder
