"""Vectors as rows: what the search reads, and how many there are per collection."""

from __future__ import annotations

from django.db import models
from pgvector.django import HalfVectorField

from retrieval.models.collections import Collection
from retrieval.models.encoders import Encoder


class Embedding(models.Model):
    """The unit vector of one picture by one encoder, with the two lengths that the other measures need.

    ``vector`` is u = x / |x|, ``length`` is |x|, ``centred_length`` is |u - mean(u)|. ``collection`` is a copy for
    filtering; it is empty while the picture is deleted and only waits for its undo time to end.
    """

    pk = models.CompositePrimaryKey("image_id", "encoder_id")
    image = models.ForeignKey("retrieval.Image", models.CASCADE, related_name="embeddings")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, models.SET_NULL, null=True, related_name="+")
    vector = HalfVectorField()
    length = models.FloatField()
    centred_length = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["encoder", "collection"], name="embedding_scope"),
            models.Index(fields=["created_at"], name="embedding_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} by {self.encoder_id}"


class RegionEmbedding(models.Model):
    """The same of one region of a picture, of those that ``matching.regions`` lays over it, by its place from 1.

    Place 0 has the whole picture's own numbers, and tells that all were made. They count where the picture's own row
    is, in that one's collection, while it keeps regions.
    """

    pk = models.CompositePrimaryKey("image_id", "encoder_id", "place")
    image = models.ForeignKey("retrieval.Image", models.CASCADE, related_name="region_embeddings", db_index=False)
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+")
    place = models.PositiveSmallIntegerField()
    vector = HalfVectorField()
    length = models.FloatField()
    centred_length = models.FloatField()

    def __str__(self) -> str:
        return f"{self.place} of {self.image_id} by {self.encoder_id}"


class EmbeddingDigest(models.Model):
    """The SHA-256 of one stored vector with its lengths, its picture and its encoder, written in the same commit.

    The audit tells by it whether the vector is still the one that was computed for this picture (``search.integrity``).
    The database removes it with its vector, by a foreign key on both columns that the ORM cannot express.
    """

    pk = models.CompositePrimaryKey("image_id", "encoder_id")
    image = models.ForeignKey(
        "retrieval.Image", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    encoder = models.ForeignKey(Encoder, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    sha256 = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.image_id} by {self.encoder_id}"


class EmbeddingCount(models.Model):
    """How many vectors a collection has by an encoder; statement triggers on Embedding keep it exact.

    The search decides exact or approximate by it without counting rows. ``changes`` rises with each statement that
    brings, takes or writes over any of them, so that what was computed of all can be kept.
    """

    pk = models.CompositePrimaryKey("collection_id", "encoder_id")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="embedding_counts")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+")
    images = models.BigIntegerField(default=0)
    changes = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.images} in {self.collection_id}"
