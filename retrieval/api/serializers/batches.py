"""Batches of queries, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input, Many, ProblemSerializer
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.api.serializers.search import BANDS, FoundImageSerializer
from retrieval.matching import Match
from retrieval.models import Batch, BatchDecision
from retrieval.models.bounds import TITLE_LENGTH
from retrieval.services.copies.batches import MOST_AGAINST

MATCHES = [each.value for each in Match]
ORDERINGS = ("n", "-doubt")
FORMATS = ("csv", "json")

DECISIONS = BatchDecision.values
STANDS = [*DECISIONS, "open"]


class BatchInput(Input):
    """What asks: a ``collection``; and against which collections."""

    collection = serializers.UUIDField(required=False, help_text="Its pictures ask.")
    against = Many(child=serializers.UUIDField(), min_length=1, max_length=MOST_AGAINST)
    name = serializers.CharField(max_length=TITLE_LENGTH, required=False, allow_blank=True, default="")


class BatchForm(BatchInput):
    """The same with files: pictures, or one ZIP of pictures, or one CSV of addresses."""

    file = serializers.ListField(child=serializers.FileField(), required=False)


class BatchSerializer(LongJobSerializer):
    """A batch and how far it is; ``candidates``: among how many pictures each query was compared."""

    class Meta:
        model = Batch
        fields = [*FIELDS, "name", "source", "asking", "against", "encoder", "candidates"]
        read_only_fields = fields


class RowsQuery(Input):
    """Which rows, in which order."""

    match = serializers.ChoiceField(MATCHES, required=False)
    decision = serializers.ChoiceField(STANDS, required=False)
    ordering = serializers.ChoiceField(ORDERINGS, default=ORDERINGS[0], help_text="-doubt: the doubtful first.")


class HitSerializer(serializers.Serializer[Any]):
    """One of the nearest to a query."""

    image = FoundImageSerializer()
    score = serializers.FloatField()
    band = serializers.ChoiceField(BANDS, allow_null=True)
    probability = serializers.FloatField(allow_null=True)


class RowSerializer(serializers.Serializer[Any]):
    """One query: what was found for it among pictures that the caller sees, and what was decided."""

    n = serializers.IntegerField()
    name = serializers.CharField()
    image = serializers.UUIDField(allow_null=True, help_text="The stored picture that asked; null for a file.")
    match = serializers.ChoiceField(MATCHES, allow_null=True, help_text="Null: not compared, or not calibrated.")
    results = HitSerializer(many=True)
    decision = serializers.ChoiceField(DECISIONS, allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    error = ProblemSerializer(allow_null=True)


class DecisionInput(Input):
    """What is decided of a query's hits; null takes it back."""

    decision = serializers.ChoiceField(DECISIONS, allow_null=True)


class ExportQuery(Input):
    """As what a batch is exported."""

    format = serializers.ChoiceField(FORMATS, default=FORMATS[0])
