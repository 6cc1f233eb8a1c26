"""Copies as rows: keys by which pictures find their copies, pairs that were verified, and what people decided."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from retrieval.models.images import Image


class CopyVerdict(models.TextChoices):
    """What two pictures have to do with each other, the strongest first; as in matching/verdict.py."""

    SAME_FILE = "same_file", "Same file"
    SAME_IMAGE = "same_image", "Same picture, edited"
    SAME_THING = "same_thing", "Same thing"


class CopyKeys(models.Model):
    """The keys of one picture (``matching.copy_keys``), and when its copies were looked for; None: not yet.

    A trigger makes the row with the picture. ``with_details`` says whether its local features took part.
    """

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="copy_keys")
    prints = ArrayField(models.IntegerField(), default=list)
    corners = ArrayField(models.BigIntegerField(), default=list)
    with_details = models.BooleanField(default=False)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        # Each row is looked for among as soon as it is written: a list of what is to be put in later would be read anew
        # for each key.
        indexes = [
            GinIndex(fields=["prints"], name="copy_prints", fastupdate=False),
            GinIndex(fields=["corners"], name="copy_corners", fastupdate=False),
            models.Index(fields=["image"], condition=models.Q(looked_at=None), name="copies_due"),
        ]

    def __str__(self) -> str:
        return str(self.image_id)


class CopyPair(models.Model):
    """Two pictures of which it was verified that they are copies or show the same thing; ``one`` has the smaller id.

    ``edit`` is what was done to ``one`` to make ``other``. The outlines are where the shared part lies on each, four
    corners in fractions of the upright picture; empty where nothing was compared.
    """

    pk = models.CompositePrimaryKey("one_id", "other_id")
    one = models.ForeignKey(Image, models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Image, models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=10, choices=CopyVerdict.choices)
    edit = ArrayField(models.CharField(max_length=20), default=list)
    outline = models.JSONField(default=list)
    other_outline = models.JSONField(default=list)
    matches = models.PositiveIntegerField(default=0)
    probability = models.FloatField(null=True)  # of what nobody measured it is not known
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(one__lt=models.F("other")), name="copy_pair_ordered")]

    def __str__(self) -> str:
        return f"{self.one_id} and {self.other_id}: {self.verdict}"


class Decided(models.TextChoices):
    """What a person says of two pictures."""

    COPIES = "copies", "Copies"
    DIFFERENT = "different", "Not copies"


class CopyDecision(models.Model):
    """What was decided last of two pictures, by whom and when; it outlives every search for copies."""

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    one = models.ForeignKey(Image, models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Image, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    decision = models.CharField(max_length=10, choices=Decided.choices)
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-decided_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(one__lt=models.F("other")), name="copy_decision_ordered"),
            models.UniqueConstraint(fields=["one", "other"], name="copy_decided_once"),
        ]

    def __str__(self) -> str:
        return f"{self.one_id} and {self.other_id}: {self.decision}"
