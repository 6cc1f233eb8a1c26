"""Sources: folders and addresses that are read into a collection on a schedule, and what is known of their files."""

from __future__ import annotations

from datetime import timedelta

import uuid6
from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.bounds import SOURCE_NAME_LENGTH, SOURCE_PASSWORD_LENGTH, URL_LENGTH, USERNAME_LENGTH
from retrieval.models.collections import Collection
from retrieval.models.images import Image

LEAST_MINUTES, MOST_MINUTES = 1, 7 * 24 * 60
MOST_DAYS = 3_650
REFUSALS_KEPT = 20


class SourceKind(models.TextChoices):
    """What is read."""

    FOLDER = "folder", "Folder on the server"
    ADDRESS = "address", "Address of a camera"


class Source(models.Model):
    """A folder on the server, or the address of a snapshot, that is read into a collection every so many minutes.

    What comes in is ``user``'s, who is asked for their rights at each reading. ``keep_days`` (None: for ever) is after
    how long what came in goes to the trash. ``failures`` are those since the last reading that ended well, and
    ``error_code`` is empty after one. ``refusals`` are the last files that were refused: name, code, message, at.

    Whoever reads it knows ``lease_token``. ``asked`` says that somebody wants it read now, be it paused.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="sources")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    name = models.CharField(max_length=SOURCE_NAME_LENGTH)
    kind = models.CharField(max_length=7, choices=SourceKind.choices)
    place = models.CharField(max_length=URL_LENGTH, help_text="Folder, or address.")
    username = models.CharField(max_length=USERNAME_LENGTH, blank=True)
    password = models.CharField(max_length=SOURCE_PASSWORD_LENGTH, blank=True, help_text="Never shown.")
    every_minutes = models.PositiveIntegerField()
    keep_days = models.PositiveIntegerField(null=True)
    active = models.BooleanField(default=True)
    asked = models.BooleanField(default=False)
    due_at = models.DateTimeField(default=timezone.now)
    last_read_at = models.DateTimeField(null=True, help_text="When a reading last ended well.")
    failures = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    taken = models.PositiveBigIntegerField(default=0)
    known = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    refusals = models.JSONField(default=list)
    worker = models.CharField(max_length=100, blank=True, help_text="Who reads it: host, process, its start.")
    lease_token = models.UUIDField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["due_at"], name="source_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_due_soon(self) -> bool:
        """Whether it is read within a minute."""
        return self.due_at <= timezone.now() + timedelta(minutes=1)

    @property
    def is_due(self) -> bool:
        """Whether it is read as soon as a worker is free, or just now."""
        return self.due_at <= timezone.now()


class SourceFile(models.Model):
    """A file of a folder that was read: ``key`` is of its path, ``stamp`` of its size and time of change."""

    pk = models.CompositePrimaryKey("source_id", "key")
    source = models.ForeignKey(Source, models.CASCADE, related_name="files", db_index=False)
    key = models.UUIDField()
    stamp = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.key)


class SourceImage(models.Model):
    """A picture that a source brought in; one whose ``updated_at`` is not ``as_of`` was touched by a person."""

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="brought")
    source = models.ForeignKey(Source, models.CASCADE, related_name="images", db_index=False)
    as_of = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["source", "image"], name="source_oldest_first")]

    def __str__(self) -> str:
        return str(self.image_id)
