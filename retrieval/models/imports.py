"""Archives being taken apart: progress, and what was refused and why."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models

from retrieval.models.collections import Collection


class ImportState(models.TextChoices):
    """Queued -> running -> done or failed as a whole."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ArchiveImport(models.Model):
    """One uploaded archive. ``position`` is the next member to read, so that a restart goes on where it stopped."""

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="imports", db_constraint=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="imports")
    name = models.CharField(max_length=300)
    file = models.CharField(max_length=300, help_text="File name in the incoming folder; empty when it is gone.")
    state = models.CharField(max_length=8, choices=ImportState.choices, default=ImportState.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    decode_seconds = models.FloatField(default=0, help_text="How long its pictures have held decoders so far.")
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class ImportIssue(models.Model):
    """One member that was refused."""

    job = models.ForeignKey(ArchiveImport, models.CASCADE, related_name="issues")
    name = models.CharField(max_length=500)
    code = models.CharField(max_length=60)
    message = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.code}"
