"""Compressions as rows: smaller versions of an encoder measured on a collection, how far that is, what came out."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.collections import Collection
from retrieval.models.evaluations import PICTURE_LABELS, Labels
from retrieval.models.training import RunState


class Compression(models.Model):
    """One table of smaller versions of an encoder, which is known by its name.

    ``calibration`` is the id of the collection whose pictures calibrate, none for the measured one. ``stage`` says what
    is being done, ``done`` of ``total`` how far that is. ``result`` is the table, empty until it is done; the weights
    of what can be adopted lie in a folder of the row's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    encoder = models.CharField(max_length=80)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    labels = models.CharField(max_length=10, choices=PICTURE_LABELS, default=Labels.TAGS)
    calibration = models.UUIDField(null=True, blank=True)
    dimensions = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    int8 = models.BooleanField(default=True)
    keep = models.FloatField(default=1.0, help_text="The share of channels that pruning leaves; 1: no pruning.")
    steps = models.PositiveIntegerField(default=100, help_text="Of the fine-tune after pruning.")
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    stage = models.CharField(max_length=100, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    worker = models.CharField(max_length=100, blank=True, help_text="Who works on it: host, process, its start.")
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="The last sign of life of its worker.")
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.encoder
