"""Evaluations as rows: encoders measured beside each other on a collection, how far that is, and what came out."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.encoders import Measure
from retrieval.models.long_jobs import LongJob


class Labels(models.TextChoices):
    """What tells right answers from wrong ones: a text of each picture, or what people said of answers."""

    TAGS = "tags", "First tag"
    GROUP_KEY = "group_key", "Belongs to"
    JUDGEMENTS = "judgements", "Judgements"


PICTURE_LABELS = [choice for choice in Labels.choices if choice[0] != Labels.JUDGEMENTS]
"""Those that are texts of each picture."""


class GroupRule(models.TextChoices):
    """What is done with pictures of the query's own group; as in evaluation/protocol.py."""

    IGNORE = "ignore", "Like any other"
    COUNT = "count", "Counted"
    EXCLUDE = "exclude", "Left out"


class Evaluation(LongJob):
    """One measuring of one or more encoders, by name; the others are compared with the first.

    ``result`` is {"reports": [...], "differences": {...}, "classes": how many there were, "calibration": {encoder: the
    tenths of its curve, or None}, "learned_from_these" and "calibrated_on_these": names of encoders}, empty until it is
    done.
    """

    labels = models.CharField(max_length=10, choices=Labels.choices, default=Labels.TAGS)
    encoders = ArrayField(models.CharField(max_length=ENCODER_NAME_LENGTH))
    measure = models.CharField(max_length=10, choices=Measure.choices, default=Measure.COSINE)
    groups = models.CharField(max_length=10, choices=GroupRule.choices, default=GroupRule.IGNORE)
    result = models.JSONField(default=dict)

    def __str__(self) -> str:
        return ", ".join(self.encoders)
