"""Training runs, in and out."""

from __future__ import annotations

from typing import Any, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import JsonObject, Problem
from retrieval.models import TrainingRun
from retrieval.services.encoders.training import Labels

TABLE = {"type": "object", "additionalProperties": True}


class TrainingInput(serializers.Serializer[Any]):
    """What to train: a config as recipes have it, as an object, on a collection by one of its texts as labels."""

    collection = serializers.UUIDField()
    config = extend_schema_field(TABLE)(JsonObject)()
    by = serializers.ChoiceField(get_args(Labels), default="tags")


class TrainingSerializer(serializers.ModelSerializer[TrainingRun]):
    """A run and how far it is: ``step`` of ``steps``; ``encoder`` is the name of the draft that it ended with."""

    user = serializers.CharField(source="user.username")
    collection = serializers.UUIDField(source="config.collection")
    by = serializers.ChoiceField(get_args(Labels), source="config.by")
    encoder = serializers.CharField(source="encoder.name", default=None, allow_null=True)
    error = Problem()

    class Meta:
        model = TrainingRun
        fields = [
            "id",
            "user",
            "name",
            "recipe",
            "collection",
            "by",
            "state",
            "step",
            "steps",
            "encoder",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class WholeTrainingSerializer(TrainingSerializer):
    """The same with its config, defaults filled in, and its curve so far: points of ``step`` and figures by name."""

    config = serializers.DictField(source="config.run")
    curve = serializers.ListField(child=serializers.DictField())

    class Meta(TrainingSerializer.Meta):
        fields = [*TrainingSerializer.Meta.fields, "config", "curve"]
        read_only_fields = fields
