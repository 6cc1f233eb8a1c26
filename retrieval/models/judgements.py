"""What people said of answers: a grade for a query picture and an answer picture, and pools of what is to be judged."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.collections import Collection
from retrieval.models.images import Image


class Grade(models.IntegerChoices):
    """How well an answer suits its query."""

    NO = 0, "No"
    SOMEWHAT = 1, "Somewhat"
    YES = 2, "Yes"


class Judgement(models.Model):
    """One person's grade of one answer to one query, in the collection where both were when it was given.

    The query's id leads the key, so that a query's judgements stand together; the answer may live elsewhere and is
    named without a key of the database.
    """

    pk = models.CompositePrimaryKey("query_id", "answer_id", "user_id")
    query = models.ForeignKey(Image, models.CASCADE, related_name="+", db_index=False)
    answer = models.ForeignKey(Image, models.CASCADE, related_name="+", db_constraint=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    grade = models.PositiveSmallIntegerField(choices=Grade.choices)
    judged_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(grade__lte=Grade.YES), name="judgement_grade_known"),
            models.CheckConstraint(condition=~models.Q(query=models.F("answer")), name="judgement_of_another"),
        ]

    def __str__(self) -> str:
        return f"{self.grade} for {self.answer_id} to {self.query_id}"


class Pool(models.Model):
    """What is to be judged: drawn queries, each with the first answers of several encoders, shuffled together.

    ``queries`` is [[query id, [answer id, ...]], ...]. Which encoder gave which answer is kept nowhere: judging is
    blind. What became invisible meanwhile is left out when it is read.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    encoders = ArrayField(models.CharField(max_length=ENCODER_NAME_LENGTH))
    depth = models.PositiveSmallIntegerField()
    seed = models.PositiveIntegerField(default=0)
    queries = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return ", ".join(self.encoders)
