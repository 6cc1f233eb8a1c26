"""Archives being taken apart: progress, and what was refused and why."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.long_jobs import LongJob


class ArchiveImport(LongJob):
    """One uploaded archive of ``total`` members, or a document's pages but the first; ``done`` became pictures.

    A video is a document whose pages are its ``scenes``. ``position`` is the next member to read, so that a restart
    goes on where it stopped.
    """

    name = models.CharField(max_length=300)
    file = models.CharField(max_length=300, help_text="File name in the incoming folder; empty when it is gone.")
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    document = models.UUIDField(
        null=True, blank=True, help_text="Of the pages of a document: its id; there is no file."
    )
    scenes = ArrayField(
        models.FloatField(), default=list, db_default=[], help_text="Of a video: in which second each begins."
    )
    decode_seconds = models.FloatField(default=0, help_text="How long its pictures have held decoders so far.")

    def __str__(self) -> str:
        return self.name

    @property
    def reached(self) -> int:
        """How many members are behind it, whatever became of them."""
        return self.position


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
