"""Evaluations as rows: encoders measured beside each other on a collection, how far that is, and what came out."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.collections import Collection
from retrieval.models.encoders import Measure


class EvaluationState(models.TextChoices):
    """Queued -> running -> done or failed."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Labels(models.TextChoices):
    """What tells right answers from wrong ones: a text of each picture, or what people said of answers."""

    TAGS = "tags", "First tag"
    GROUP_KEY = "group_key", "Belongs to"
    JUDGEMENTS = "judgements", "Judgements"


PICTURE_LABELS = [choice for choice in Labels.choices if choice[0] != Labels.JUDGEMENTS]
"""Those that are texts of each picture."""


class GroupRule(models.TextChoices):
    """What is done with pictures of the query's own group; as in evaluation/protocol.py."""

    IGNORE = "ignore", "Like any other"
    COUNT = "count", "Counted"
    EXCLUDE = "exclude", "Left out"


class Evaluation(models.Model):
    """One measuring of one or more encoders, by name; the others are compared with the first.

    ``done`` of ``total`` queries are ranked, over all encoders; ``total`` is 0 while vectors are read. ``result`` is
    {"reports": [...], "differences": {...}, "classes": how many there were}, empty until it is done.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    labels = models.CharField(max_length=10, choices=Labels.choices, default=Labels.TAGS)
    encoders = ArrayField(models.CharField(max_length=80))
    measure = models.CharField(max_length=10, choices=Measure.choices, default=Measure.COSINE)
    groups = models.CharField(max_length=10, choices=GroupRule.choices, default=GroupRule.IGNORE)
    state = models.CharField(max_length=10, choices=EvaluationState.choices, default=EvaluationState.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    worker = models.CharField(max_length=100, blank=True, help_text="Who works on it: host, process, its start.")
    attempts = models.PositiveSmallIntegerField(default=0)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="The last sign of life of its worker.")
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return ", ".join(self.encoders)
