"""Encoders as rows: what computes vectors, from which weights, and in which part of its life it is."""

from __future__ import annotations

import uuid

from django.db import models
from pgvector.django import HalfVectorField

from retrieval.models.bounds import ENCODER_NAME_LENGTH


class EncoderState(models.TextChoices):
    """Draft -> building beside the active one -> active -> retired."""

    DRAFT = "draft", "Draft"
    BUILDING = "building", "Building"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class Measure(models.TextChoices):
    """The similarity measures; their SQL is in search/metrics.py, their reference is tests/embedding/distances.py."""

    COSINE = "cosine", "Cosine"
    EUCLIDEAN = "euclidean", "Euclidean"
    PEARSON = "pearson", "Pearson"


class IndexKind(models.TextChoices):
    """By what an index finds: whole vectors in half precision, or one bit for each number, re-ranked by those."""

    HALVES = "halves", "Half precision"
    BITS = "bits", "Bits"


class EncoderQuerySet(models.QuerySet["Encoder"]):
    """Filters on encoders."""

    def active(self) -> Encoder | None:
        """Return the one active encoder, or None before the first start has made one."""
        return next(iter(self.filter(state=EncoderState.ACTIVE).order_by()), None)  # at most one, so nothing to sort

    def wanted(self) -> EncoderQuerySet:
        """Keep the encoders that every picture must have a vector of."""
        return self.filter(state__in=[EncoderState.ACTIVE, EncoderState.BUILDING])


class Encoder(models.Model):
    """One way from pixels to a vector."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField(max_length=ENCODER_NAME_LENGTH, unique=True)
    spec = models.JSONField(help_text="What embedding.EncoderSpec writes: backbone, pooling ...")
    weights_name = models.CharField(max_length=200, blank=True)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    dimension = models.PositiveIntegerField()
    smooths = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="smoothed",
        help_text="Of which encoder's vectors, by the same weights, its own are smoothed by their neighbours.",
    )  # fmt: skip
    trained = models.BooleanField(default=False, help_text="Off: the weights are random and results mean little.")
    measure = models.CharField(max_length=10, choices=Measure.choices, default=Measure.COSINE)
    index_kind = models.CharField(max_length=10, choices=IndexKind.choices, default=IndexKind.HALVES)
    bits_centre = HalfVectorField(
        null=True, editable=False, help_text="Numbers above this mean of its vectors become a bit."
    )
    state = models.CharField(max_length=10, choices=EncoderState.choices, default=EncoderState.DRAFT)
    scores = models.JSONField(default=dict, blank=True)
    calibration = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What its scores mean; empty: not known."
    )
    origin = models.JSONField(default=dict, blank=True, help_text="Where it came from: data, recipe, versions.")
    note = models.TextField(blank=True, help_text="Why it was activated, forced or retired.")
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = EncoderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state=EncoderState.ACTIVE), name="exactly_one_active_encoder"
            )
        ]

    def __str__(self) -> str:
        return self.name
