"""Long work as rows: what every kind of it has in common, whatever it does."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.collections import Collection


class LongJobState(models.TextChoices):
    """Queued -> running -> done, failed or cancelled."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


GOING = (LongJobState.QUEUED, LongJobState.RUNNING)
"""The states of what is not over."""


class LongJob(models.Model):
    """One piece of long work that a person asked for, on a collection.

    ``stage`` says what is being done, ``done`` of ``total`` how far that is. ``attempts`` are those since it last got
    further than ever before. Whoever works on it knows ``lease_token``, which each attempt has anew; ``started_at`` is
    when the present or last one began, ``queued_at`` when it last took its place in line.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=LongJobState.choices, default=LongJobState.QUEUED)
    stage = models.CharField(max_length=100, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True, help_text="Who works on it: host, process, its start.")
    lease_token = models.UUIDField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="The last sign of life of its worker.")
    cancel_asked = models.BooleanField(default=False)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-created_at"]

    @property
    def going(self) -> bool:
        """Whether it is not over."""
        return self.state in GOING

    @property
    def reached(self) -> int:
        """How much of ``total`` is behind it."""
        return self.done
