"""Evaluations of encoders on a collection, in and out."""

from __future__ import annotations

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import Evaluation, GroupRule, Labels, Measure
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.evaluation.evaluations import MOST_ENCODERS


class EvaluationInput(Input):
    """What to measure; the first encoder is the one that the others are compared with."""

    collection = serializers.UUIDField()
    encoders = serializers.ListField(
        child=serializers.CharField(max_length=ENCODER_NAME_LENGTH),
        min_length=1,
        max_length=MOST_ENCODERS,
        help_text="names, each once",
    )
    labels = serializers.ChoiceField(Labels.choices, default=Labels.TAGS)
    measure = serializers.ChoiceField(Measure.choices, default=Measure.COSINE)
    groups = serializers.ChoiceField(GroupRule.choices, default=GroupRule.IGNORE)


class EvaluationSerializer(LongJobSerializer):
    """An evaluation and how far it is: the queries of all encoders are counted together."""

    encoders = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Evaluation
        fields = [*FIELDS, "labels", "encoders", "measure", "groups"]
        read_only_fields = fields


class EvaluationResultSerializer(EvaluationSerializer):
    """The same with its result, which is empty until it is done."""

    result = serializers.DictField(
        help_text="reports by encoder, paired differences, how many classes there were, curves of calibration by name"
    )

    class Meta(EvaluationSerializer.Meta):
        fields = [*EvaluationSerializer.Meta.fields, "result"]
        read_only_fields = fields
