"""Encoders, jobs and the state of the system, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import Encoder, EncoderState, IndexKind
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.encoders import encoders, origins, projections


class ProgressSerializer(serializers.Serializer[Any]):
    """How many pictures have a vector by an encoder."""

    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    total = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True)


class EncoderSerializer(serializers.ModelSerializer[Encoder]):
    """An encoder with its scores on what the caller sees; ``progress``, of the pictures they see, while it is built."""

    spec = serializers.DictField()
    scores = serializers.DictField()
    origin = serializers.DictField()
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Encoder
        fields = [
            "id",
            "name",
            "state",
            "trained",
            "dimension",
            "measure",
            "spec",
            "weights_sha256",
            "scores",
            "origin",
            "note",
            "progress",
            "created_at",
            "activated_at",
            "retired_at",
        ]
        read_only_fields = fields

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, encoder: Encoder) -> dict[str, Any] | None:
        """Return the counts while it is being built."""
        if encoder.state != EncoderState.BUILDING:
            return None
        found = encoders.progress(encoder, seen_by=self.context["request"].user)
        return dict(ProgressSerializer(found).data)

    def to_representation(self, encoder: Encoder) -> dict[str, Any]:
        """Return what the caller may read."""
        return super().to_representation(origins.as_seen_by(self.context["request"].user, encoder))


class IndexSerializer(serializers.Serializer[Any]):
    """One kind of index; ``size`` in bytes, 0 where there is none; ``recall`` as it was last measured, of ``k``."""

    kind = serializers.ChoiceField(IndexKind.choices)
    wanted = serializers.BooleanField()
    size = serializers.IntegerField()
    recall = serializers.FloatField(source="measured.recall", default=None, allow_null=True)
    k = serializers.IntegerField(source="measured.k", default=None, allow_null=True)
    measured_size = serializers.IntegerField(source="measured.size", default=None, allow_null=True)
    measured_at = serializers.DateTimeField(source="measured.at", default=None, allow_null=True)


class IndexKindsSerializer(serializers.Serializer[Any]):
    """Every kind of index that an encoder can be found by."""

    kinds = IndexSerializer(many=True)


class IndexInput(Input):
    """Which kind is wanted."""

    kind = serializers.ChoiceField(IndexKind.choices)


class ActivationInput(Input):
    """Why an encoder that scores worse is to be active all the same."""

    force_reason = serializers.CharField(max_length=1000, default="", allow_blank=True)


class ProjectionInput(Input):
    """What to learn on stored vectors; without a collection, on all pictures that the caller sees."""

    name = serializers.SlugField(max_length=ENCODER_NAME_LENGTH)
    dimension = serializers.IntegerField(min_value=1, max_value=4000)
    method = serializers.ChoiceField(projections.METHODS, default="pca")
    collection = serializers.UUIDField(default=None, allow_null=True)
    by = serializers.ChoiceField(projections.LABELS, default="tags", help_text="the labels of `supervised`")


class StatusSerializer(serializers.Serializer[Any]):
    """What the system is and how it feels."""

    version = serializers.CharField()
    encoder = serializers.CharField(allow_null=True)
    trained = serializers.BooleanField()
    runtime = serializers.CharField(allow_null=True)
    images = serializers.DictField(child=serializers.IntegerField(), help_text="total, pending, ready, failed")
    pending = serializers.IntegerField()
    services = serializers.DictField(child=serializers.BooleanField())
    decoder = serializers.DictField(
        allow_null=True, help_text="protected; held: what a decoder was found not to reach; guards in force; for staff"
    )
    recall = serializers.FloatField(allow_null=True)
