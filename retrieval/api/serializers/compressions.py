"""Compressions of an encoder on a collection, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.compression import CAUTIONS
from retrieval.models import PICTURE_LABELS, Compression, Labels
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.encoders import compressions
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import LEAST_KEPT, MOST_DIMENSIONS, MOST_STEPS
from retrieval.services.images import collections


class CompressionInput(Input):
    """What to make smaller and what to try; numbers that are not below the encoder's own are passed over."""

    encoder = serializers.CharField(max_length=ENCODER_NAME_LENGTH, help_text="its name")
    collection = serializers.UUIDField()
    labels = serializers.ChoiceField(PICTURE_LABELS, default=Labels.TAGS)
    calibration = serializers.UUIDField(
        default=None, allow_null=True, help_text="a collection to calibrate on; without it the measured one"
    )
    dimensions = serializers.ListField(
        child=serializers.IntegerField(min_value=2), max_length=MOST_DIMENSIONS, default=list(Wanted.dimensions)
    )
    int8 = serializers.BooleanField(default=True)
    keep = serializers.FloatField(
        min_value=LEAST_KEPT, max_value=1, default=1.0, help_text="the share of channels that pruning leaves; 1: none"
    )
    steps = serializers.IntegerField(min_value=1, max_value=MOST_STEPS, default=Wanted.steps)


class AdoptionInput(Input):
    """Which row becomes a draft encoder, and its name; without one it is made up of the encoder's and the row's."""

    row = serializers.CharField(max_length=40)
    name = serializers.SlugField(max_length=ENCODER_NAME_LENGTH, default="", allow_blank=True)
    again = serializers.BooleanField(default=False, help_text="though an encoder was made of this row already")


class CompressionSerializer(LongJobSerializer):
    """A compression and how far it is."""

    dimensions = serializers.ListField(child=serializers.IntegerField())
    calibration = serializers.SerializerMethodField()

    class Meta:
        model = Compression
        fields = [*FIELDS, "encoder", "labels", "calibration", "dimensions", "int8", "keep", "steps"]
        read_only_fields = fields

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_calibration(self, row: Compression) -> str | None:
        """Return the id of the collection it is calibrated on, unless that is the measured one or hidden."""
        seen = row.calibration and collections.is_seen(row.calibration, user=self.context["request"].user)
        return str(row.calibration) if seen else None


class IntervalSerializer(serializers.Serializer[Any]):
    """A mean and the bounds between which it most likely lies."""

    mean = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class CompressionRowSerializer(serializers.Serializer[Any]):
    """One measured line; ``difference`` is mAP minus that of the first, over the same queries."""

    name = serializers.CharField()
    map = IntervalSerializer(source="report.overall.mAP")
    difference = IntervalSerializer()
    figures = serializers.DictField(source="report.overall", child=IntervalSerializer())
    dimension = serializers.IntegerField(source="report.sizes.dimension")
    vector_bytes = serializers.IntegerField()
    weights_bytes = serializers.IntegerField()
    pictures_per_second = serializers.FloatField()
    query_ms = serializers.FloatField()
    runtime = serializers.CharField()
    adoptable = serializers.SerializerMethodField()
    cautions = serializers.SerializerMethodField(help_text="`slower` than the first, by `other_runtime`")

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(CAUTIONS)))
    def get_cautions(self, row: Any) -> list[str]:
        """Return what speaks against adopting it."""
        return list(self.context["table"].cautions(row))

    def get_adoptable(self, row: Any) -> bool:
        """Return whether it is a network of its own; the others only store vectors differently."""
        return bool(row.sha256)


class CompressionTableSerializer(CompressionSerializer):
    """The same with its table; ``rows`` is empty until it is done."""

    rows = serializers.SerializerMethodField()
    learned_from_these = serializers.SerializerMethodField(help_text="it learned from what it was measured on")
    unreadable = serializers.SerializerMethodField(help_text="pictures that were left out, as they could not be read")

    class Meta(CompressionSerializer.Meta):
        fields = [*CompressionSerializer.Meta.fields, "rows", "learned_from_these", "unreadable"]
        read_only_fields = fields

    @extend_schema_field(CompressionRowSerializer(many=True))
    def get_rows(self, row: Compression) -> list[Any]:
        """Return the table."""
        table = compressions.table(row)
        return list(CompressionRowSerializer(table.rows, many=True, context={"table": table}).data) if table else []

    def get_learned_from_these(self, row: Compression) -> bool:
        """Return whether the figures are of pictures that the versions learned from; false until it is done."""
        table = compressions.table(row)
        return compressions.learned_from_these(table) if table else False

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_unreadable(self, row: Compression) -> list[str]:
        """Return the ids of the pictures."""
        table = compressions.table(row)
        return list(table.unreadable) if table else []
