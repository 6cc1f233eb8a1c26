"""What smoothed vectors were made of, picture by picture, and how far each collection's are."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.collections import Collection
from retrieval.models.encoders import Encoder


class Neighbours(models.Model):
    """Of which pictures one picture's smoothed vector was made: those most like it in its collection.

    ``least`` is the cosine that a newcomer must exceed to be one of them, empty while they are fewer than there may be.
    ``source_at`` is when the picture's own vector, before smoothing, was stored.
    """

    pk = models.CompositePrimaryKey("image_id", "encoder_id")
    image = models.ForeignKey("retrieval.Image", models.CASCADE, related_name="+", db_index=False)
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+", db_index=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    nearest = ArrayField(models.UUIDField())
    least = models.FloatField(null=True)
    source_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["encoder", "collection"], name="neighbours_scope")]

    def __str__(self) -> str:
        return f"{len(self.nearest)} of {self.image_id} by {self.encoder_id}"


class SmoothedCollection(models.Model):
    """After how many changes of the vectors before smoothing (``EmbeddingCount.changes``) a collection was settled."""

    pk = models.CompositePrimaryKey("collection_id", "encoder_id")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+")
    changes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.collection_id} by {self.encoder_id} after {self.changes}"
