"""Maps of pictures, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import PictureMap
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.encoders.maps import LABELS, NAMED


class MapInput(Input):
    """What to lay out: a collection, or all that one sees; by an encoder's name, or the active one."""

    collection = serializers.UUIDField(required=False)
    encoder = serializers.CharField(max_length=ENCODER_NAME_LENGTH, required=False)


class PointsQuery(Input):
    """What groups the pictures."""

    group_by = serializers.ChoiceField(list(LABELS), default="tag")


class MapResultSerializer(serializers.Serializer[Any]):
    """How many pictures were drawn of how many, and the shares of variance that the two axes show."""

    pictures = serializers.IntegerField(min_value=0)
    of = serializers.IntegerField(min_value=0)
    shares = serializers.ListField(child=serializers.FloatField())


class MapSerializer(LongJobSerializer):
    """A map and how far it is; ``result`` is null until it is done."""

    result = serializers.SerializerMethodField()

    class Meta:
        model = PictureMap
        fields = [*FIELDS, "name", "within", "encoder", "result"]
        read_only_fields = fields

    @extend_schema_field(MapResultSerializer(allow_null=True))
    def get_result(self, row: PictureMap) -> dict[str, Any] | None:
        """Return what came out."""
        return row.result or None


class GroupOfMapSerializer(serializers.Serializer[Any]):
    """Pictures of one group: empty name: they have none; null: the smaller groups together."""

    name = serializers.CharField(allow_null=True, allow_blank=True)
    count = serializers.IntegerField(min_value=0)


class PointsSerializer(serializers.Serializer[Any]):
    """Where pictures lie, the same place in each list the same picture's."""

    ids = serializers.ListField(child=serializers.UUIDField())
    x = serializers.ListField(child=serializers.FloatField())
    y = serializers.ListField(child=serializers.FloatField())
    group = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=NAMED), source="of", help_text="Index into ``groups``."
    )
    groups = GroupOfMapSerializer(many=True)
