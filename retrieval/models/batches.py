"""Batches as rows: many queries asked as one job, what was found for each, and what people decided of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH, TITLE_LENGTH
from retrieval.models.long_jobs import LongJob


class BatchSource(models.TextChoices):
    """Where a batch's queries come from."""

    FILES = "files", "Files"
    ARCHIVE = "archive", "An archive"
    ADDRESSES = "addresses", "Addresses"
    COLLECTION = "collection", "A collection"


class BatchDecision(models.TextChoices):
    """What a person says of a query's hits."""

    MATCH = "match", "Match"
    NOT = "not", "No match"
    UNSURE = "unsure", "Unsure"


class Batch(LongJob):
    """Many queries against collections, ``against``, of which LongJob's ``collection`` is the first.

    ``names`` are those of the files, or the addresses, in the order of the rows; ``asking`` is the collection whose
    pictures ask. ``encoder`` is the one that the vectors are of.
    """

    name = models.CharField(max_length=TITLE_LENGTH)
    source = models.CharField(max_length=10, choices=BatchSource.choices)
    names = models.JSONField(default=list)
    asking = models.UUIDField(null=True)
    against = ArrayField(models.UUIDField())
    encoder = models.CharField(max_length=ENCODER_NAME_LENGTH)
    candidates = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class BatchRow(models.Model):
    """One query: a stored picture, or a file of which only its vector, digest and fingerprint are kept.

    ``results`` are {"image", "score", "band", "probability"}, nearest first; the bands and ``match`` are empty where
    nothing tells what scores mean. ``doubt`` is 0 for what is sure either way, up to 1.
    """

    pk = models.CompositePrimaryKey("batch_id", "n")
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="rows", db_index=False)
    n = models.PositiveIntegerField()
    name = models.CharField(max_length=TITLE_LENGTH, blank=True)
    image = models.UUIDField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    pdq = models.CharField(max_length=256, blank=True)
    vector = models.BinaryField(null=True, help_text="Half precision, of length 1.")
    compared = models.BooleanField(default=False)
    match = models.CharField(max_length=10, blank=True)
    results = models.JSONField(default=list)
    doubt = models.FloatField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    decision = models.CharField(max_length=10, choices=[*BatchDecision.choices, ("", "Open")], blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["n"]

    def __str__(self) -> str:
        return self.name or str(self.n)
