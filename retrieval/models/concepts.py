"""Concepts that people teach: a name, pictures that are it and that are not, and what was fitted to them."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models

from retrieval.models.bounds import TAG_LENGTH
from retrieval.models.encoders import Encoder
from retrieval.models.images import Image


class Concept(models.Model):
    """One concept of one person; nobody else sees it.

    ``direction`` (D,) is w of ``matching.Logistic`` as float32 of the little end first, ``offset`` its b, both fitted
    to ``fitted_to`` examples by ``encoder``; empty before the first fit. ``knows`` is 0..1, see ``matching.logistic``.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="concepts", db_constraint=False)
    name = models.CharField(max_length=TAG_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)
    encoder = models.ForeignKey(Encoder, models.SET_NULL, null=True, related_name="+")
    direction = models.BinaryField(null=True)
    offset = models.FloatField(default=0)
    knows = models.FloatField(null=True)
    fitted_to = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class ConceptExample(models.Model):
    """One picture that somebody said is the concept, or is not."""

    pk = models.CompositePrimaryKey("image_id", "concept_id")
    image = models.ForeignKey(Image, models.CASCADE, related_name="+", db_index=False)
    concept = models.ForeignKey(Concept, models.CASCADE, related_name="examples")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    right = models.BooleanField()
    clicked_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.image_id} {'is' if self.right else 'is not'} {self.concept_id}"
