"""What the running system says of itself: signs of life, and how right the index answers."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

from retrieval.models.encoders import Encoder, IndexKind

ALIVE = timedelta(seconds=90)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    """Filters on signs of life."""

    def fresh(self) -> HeartbeatQuerySet:
        """Keep those of late. One from the future was written by a clock that was wrong, and says nothing."""
        now = timezone.now()
        return self.filter(at__gte=now - ALIVE, at__lte=now + ALIVE)


class Heartbeat(models.Model):
    """The last sign of life of one process: a worker, the scheduler; and when a nightly task last ran."""

    name = models.CharField(primary_key=True, max_length=100)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField(default=timezone.now)
    detail = models.JSONField(default=dict)

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class RecallFigure(models.Model):
    """One run of the recall guard: the share of the exact neighbours that an index of ``size`` bytes found."""

    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="recall_figures")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=10, choices=IndexKind.choices, default=IndexKind.HALVES)
    size = models.BigIntegerField(default=0)
    recall = models.FloatField()
    queries = models.PositiveIntegerField()
    k = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.recall:.4f}"
