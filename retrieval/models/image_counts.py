"""How many living pictures a collection has, of each month, tag, group and camera: kept by triggers on the pictures."""

from __future__ import annotations

from django.db import models

from retrieval.models.bounds import GROUP_LENGTH
from retrieval.models.collections import Collection


class CountKind(models.TextChoices):
    """Of what pictures are counted; ``all`` has no name."""

    ALL = "all", "All"
    MONTH = "month", "Month"  # as 2019-07, in UTC
    TAG = "tag", "Tag"
    GROUP = "group", "Group"
    CAMERA = "camera", "Camera"


class ImageCount(models.Model):
    """What was counted until changes were last folded in; with ``ImageCountChange`` it is exact."""

    collection = models.ForeignKey(
        Collection, models.CASCADE, related_name="image_counts", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=6, choices=CountKind.choices)
    name = models.CharField(max_length=GROUP_LENGTH, blank=True)
    images = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "kind", "name"], name="image_counted_once")]
        indexes = [
            models.Index(fields=["collection", "kind", "-images", "name"], name="image_count_largest"),
            models.Index(fields=["id"], condition=models.Q(images=0), name="image_count_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.images} of {self.kind} {self.name} in {self.collection_id}"


class ImageCountChange(models.Model):
    """What one statement changed of a count. Rows are only added, so that writers never wait for each other here."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=6, choices=CountKind.choices)
    name = models.CharField(max_length=GROUP_LENGTH, blank=True)
    images = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["collection", "kind", "name"], name="image_count_changed")]

    def __str__(self) -> str:
        return f"{self.images:+} of {self.kind} {self.name} in {self.collection_id}"
