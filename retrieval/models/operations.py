"""What the running system says of itself: signs of life, and how right the index answers."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from retrieval.models.encoders import Encoder


class Heartbeat(models.Model):
    """The last sign of life of one process: a worker, the scheduler."""

    name = models.CharField(primary_key=True, max_length=100)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField(default=timezone.now)
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class RecallFigure(models.Model):
    """One run of the recall guard: the share of the exact neighbours that the index found."""

    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="recall_figures")
    at = models.DateTimeField(default=timezone.now)
    recall = models.FloatField()
    queries = models.PositiveIntegerField()
    k = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.recall:.4f}"
