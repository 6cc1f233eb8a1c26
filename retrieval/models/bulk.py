"""Acts on many pictures at once, and what was before, so that one call takes an act back."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.images import Image


class BulkAct(models.Model):
    """What one person did to many pictures; its id is the token by which they take it back within a day.

    ``at`` is the moment that the act wrote into its pictures' ``updated_at``: one that has another was changed since.
    ``columns`` are what it wrote beside that.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    columns = ArrayField(models.CharField(max_length=60))
    at = models.DateTimeField(db_index=True)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class BulkImage(models.Model):
    """One picture of an act: where it was, its columns ``before``, and the code for which it was left out."""

    pk = models.CompositePrimaryKey("act_id", "image_id")
    act = models.ForeignKey(BulkAct, models.CASCADE, related_name="images", db_constraint=False, db_index=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="+", db_constraint=False)
    collection = models.UUIDField()
    before = models.JSONField()
    refused = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.image_id} by {self.act_id}"
