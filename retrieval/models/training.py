"""Training runs as rows: what was asked, how far it is, and what came out."""

from __future__ import annotations

from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.encoders import Encoder
from retrieval.models.evaluations import PICTURE_LABELS, Labels
from retrieval.models.long_jobs import LongJob


class TrainingRun(LongJob):
    """One training of one encoder.

    ``config`` is what recipes have; ``step`` is the furthest that it ever was. ``curve`` is a list of {"step", name:
    value}; ``record`` is the full record.
    """

    name = models.CharField(max_length=ENCODER_NAME_LENGTH)
    recipe = models.CharField(max_length=40)
    config = models.JSONField()
    labels = models.CharField(max_length=10, choices=PICTURE_LABELS, default=Labels.TAGS)
    step = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    curve = models.JSONField(default=list)
    record = models.JSONField(default=dict)
    encoder = models.ForeignKey(Encoder, models.SET_NULL, null=True, blank=True, related_name="runs")

    def __str__(self) -> str:
        return self.name
