"""Training runs as rows: what was asked, how far it is, and what came out."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models

from retrieval.models.encoders import Encoder


class RunState(models.TextChoices):
    """Queued -> running -> done, failed or cancelled."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class TrainingRun(models.Model):
    """One training of one encoder.

    ``step`` is the furthest that it ever was. ``curve`` is a list of {"step", name: value}; ``record`` is the full
    record.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    name = models.CharField(max_length=80)
    recipe = models.CharField(max_length=40)
    config = models.JSONField()
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    step = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    curve = models.JSONField(default=list)
    record = models.JSONField(default=dict)
    encoder = models.ForeignKey(Encoder, models.SET_NULL, null=True, blank=True, related_name="runs")
    worker = models.CharField(max_length=100, blank=True, help_text="Who trains it: host, process, its start.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Since it last got further than ever before.")
    heard_at = models.DateTimeField(null=True, blank=True, help_text="The last sign of life of its worker.")
    cancel_asked = models.BooleanField(default=False)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
