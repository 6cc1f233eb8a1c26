"""The trash, in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval import conf
from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.images import ThumbnailUrl
from retrieval.models import Collection, Image
from retrieval.services.images.choice import MOST_IDS

KINDS = ("images", "collections")


class TrashQuery(Input):
    """What of the trash."""

    kind = serializers.ChoiceField(KINDS, default=KINDS[0])


class TrashInput(Input):
    """What of it to bring back, or to remove for good."""

    images = serializers.ListField(child=serializers.UUIDField(), max_length=MOST_IDS, required=False)
    collections = serializers.ListField(child=serializers.UUIDField(), max_length=MOST_IDS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something must be named."""
        if not attrs:
            raise serializers.ValidationError({"images": ["Name images or collections."]})
        return attrs


@extend_schema_field({"type": "string", "format": "date-time"})
class _PurgedAt(serializers.DateTimeField):
    """When a row of the trash is removed for good."""

    def to_representation(self, value: Any) -> Any:
        """Count from the deletion on."""
        return super().to_representation(value + timedelta(days=conf.get().trash_days))


class DeletedImageSerializer(serializers.ModelSerializer[Image]):
    """A picture in the trash."""

    collection = serializers.UUIDField(source="collection_id")
    purged_at = _PurgedAt(source="deleted_at")
    thumbnail_url = ThumbnailUrl("trash-thumbnail")

    class Meta:
        model = Image
        fields = ["id", "title", "collection", "width", "height", "bytes", "thumbnail_url", "deleted_at", "purged_at"]
        read_only_fields = fields


class DeletedCollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection in the trash, with how many pictures went with it."""

    image_count = serializers.IntegerField(min_value=0)
    purged_at = _PurgedAt(source="deleted_at")

    class Meta:
        model = Collection
        fields = ["id", "name", "image_count", "deleted_at", "purged_at"]
        read_only_fields = fields
