"""Pictures and archives, in and out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from retrieval.api.serializers.fields import Input, JsonObject, Many, ProblemSerializer
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import ArchiveImport, Image, ImportIssue, Status
from retrieval.models.bounds import (
    CAMERA_LENGTH,
    CAPTION_LENGTH,
    GROUP_LENGTH,
    MOST_STARS,
    MOST_TAGS,
    PATH_LENGTH,
    TAG_LENGTH,
    TITLE_LENGTH,
    URL_LENGTH,
)

URL = {"type": "string", "format": "uri"}
ORDERINGS = ("-created_at", "created_at", "title", "-title", "-taken_at", "taken_at", "-bytes", "bytes")


class Url(serializers.Field[Any, Any, str, Any]):
    """The address of a picture's thumbnail or file."""

    def __init__(self, view: str, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)
        self.view = view

    def to_representation(self, value: Image) -> str:
        """Return the full address."""
        return reverse(f"api:{self.view}", args=[value.pk], request=self.context["request"])


ThumbnailUrl = extend_schema_field(URL)(Url)


class TakenAt(serializers.DateTimeField):
    """A moment with the offset that it has; one without is kept as if in UTC."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Leave it as it is."""
        return value


class PlaceSerializer(serializers.Serializer[Any]):
    """Where a picture was taken, in degrees."""

    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)


class ImageTexts(Input):
    """What a person says about a picture."""

    title = serializers.CharField(max_length=TITLE_LENGTH, allow_blank=True, required=False)
    caption = serializers.CharField(max_length=CAPTION_LENGTH, allow_blank=True, required=False)
    tags = Many(child=serializers.CharField(max_length=TAG_LENGTH), max_length=MOST_TAGS, required=False)
    group_key = serializers.CharField(max_length=GROUP_LENGTH, allow_blank=True, required=False)
    source_url = serializers.URLField(max_length=URL_LENGTH, allow_blank=True, required=False)
    metadata = extend_schema_field({"type": "object", "additionalProperties": True})(JsonObject)(required=False)
    taken_at = TakenAt(required=False)
    rating = serializers.IntegerField(min_value=0, max_value=MOST_STARS, required=False)


class ImageAddress(ImageTexts):
    """A picture to be fetched and added."""

    path = serializers.CharField(
        max_length=PATH_LENGTH, allow_blank=True, required=False, help_text="Where the file lay."
    )

    url = serializers.URLField(max_length=URL_LENGTH, help_text="The picture's address, on the open internet.")
    collection = serializers.UUIDField()


class ImageUpload(ImageAddress):
    """A picture to be added: a ``file``, or a ``url`` to fetch it from."""

    file = serializers.FileField(
        required=False, help_text="JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, raw; HEIC with an extra."
    )
    url = serializers.URLField(
        max_length=URL_LENGTH, required=False, help_text="Instead of a file: the picture's address."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take exactly one of the two."""
        if "file" in attrs and "url" in attrs:
            raise serializers.ValidationError({"url": ["Send a file or an address, not both."]})
        if "file" not in attrs and "url" not in attrs:
            raise serializers.ValidationError({"file": ["Send a file, or an address as url."]})
        return attrs


class ImageEdit(ImageTexts):
    """What to change; a field that is not named stays as it is. ``collection`` moves the picture."""

    collection = serializers.UUIDField(required=False)
    favourite = serializers.BooleanField(required=False, help_text="The caller's own mark; who sees a picture may.")


class ImageFilter(Input):
    """Filters of pictures."""

    collection = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(Status.choices, required=False)
    tag = serializers.CharField(max_length=TAG_LENGTH, required=False)
    group_key = serializers.CharField(max_length=GROUP_LENGTH, required=False)
    q = serializers.CharField(
        max_length=500, required=False, help_text="Words in title, caption and tags, and read from it."
    )
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)
    document = serializers.UUIDField(required=False, help_text="The pages of one document.")
    taken_after = serializers.DateTimeField(required=False)
    taken_before = serializers.DateTimeField(required=False)
    camera = serializers.CharField(max_length=CAMERA_LENGTH, required=False)
    favourite = serializers.BooleanField(required=False, allow_null=True, default=None)
    path = serializers.CharField(max_length=PATH_LENGTH, required=False, help_text="With what the path begins.")


class ImageQuery(ImageFilter):
    """Filters and order of the list."""

    ordering = serializers.ChoiceField(ORDERINGS, default=ORDERINGS[0])


class DocumentSerializer(serializers.Serializer[Any]):
    """Which page of which document a picture is."""

    id = serializers.UUIDField()
    page = serializers.IntegerField(help_text="The first is 1.")
    pages = serializers.IntegerField()


class ImageSerializer(serializers.ModelSerializer[Image]):
    """A picture; needs the annotations of ``with_status``."""

    collection = serializers.UUIDField(source="collection_id")
    metadata = serializers.DictField()
    tags = serializers.ListField(child=serializers.CharField())
    source_url = serializers.CharField(help_text="Empty where it is not known.")
    status = serializers.ChoiceField(Status.choices)
    error = serializers.SerializerMethodField()
    document = serializers.SerializerMethodField()
    second = serializers.FloatField(allow_null=True, help_text="Of a scene: when it begins in its video.")
    thumbnail_url = ThumbnailUrl("thumbnail")
    file_url = ThumbnailUrl("file")
    taken_at = serializers.SerializerMethodField()
    place = serializers.SerializerMethodField()
    favourite = serializers.BooleanField()
    text = serializers.CharField(allow_null=True, help_text="Words read from the picture; null where that is off.")

    class Meta:
        model = Image
        fields = [
            "id",
            "collection",
            "title",
            "caption",
            "tags",
            "group_key",
            "source_url",
            "metadata",
            "document",
            "second",
            "width",
            "height",
            "format",
            "bytes",
            "sha256",
            "status",
            "error",
            "thumbnail_url",
            "file_url",
            "taken_at",
            "camera",
            "place",
            "path",
            "favourite",
            "rating",
            "text",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(DocumentSerializer(allow_null=True))
    def get_document(self, image: Image) -> dict[str, Any] | None:
        """Return the document and the page; null for a picture by itself."""
        return {"id": image.document, "page": image.page, "pages": image.pages} if image.document else None

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_taken_at(self, image: Image) -> str | None:
        """Return the moment with its offset; as if in UTC where that is not known."""
        if image.taken_at is None:
            return None
        return image.taken_at.astimezone(timezone(timedelta(minutes=image.taken_offset or 0))).isoformat()

    @extend_schema_field(PlaceSerializer(allow_null=True))
    def get_place(self, image: Image) -> dict[str, float] | None:
        """Return latitude and longitude where both are known."""
        if image.latitude is None or image.longitude is None:
            return None
        return {"latitude": image.latitude, "longitude": image.longitude}

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_error(self, image: Any) -> dict[str, str] | None:
        """Return code and sentence of a failed picture."""
        failed = image.status == Status.FAILED
        return {"code": image.error_code, "message": image.error_text} if failed else None


class ThumbnailQuery(Input):
    """Which thumbnail."""

    size = serializers.IntegerField(
        min_value=1, max_value=10_000, default=320, help_text="Long side; the smallest made size that has it is sent."
    )


class ArchiveUpload(Input):
    """An archive of pictures to be added."""

    file = serializers.FileField(help_text="A ZIP archive.")
    collection = serializers.UUIDField()


class IssueSerializer(serializers.ModelSerializer[ImportIssue]):
    """A member of an archive that was refused."""

    class Meta:
        model = ImportIssue
        fields = ["name", "code", "message"]
        read_only_fields = fields


class ImportSerializer(LongJobSerializer):
    """How far an archive has been taken apart: of its ``total`` members ``done`` became pictures."""

    class Meta:
        model = ArchiveImport
        fields = [*FIELDS, "name", "failed", "skipped"]
        read_only_fields = fields


class WholeImportSerializer(ImportSerializer):
    """The same with what was refused and why."""

    errors = IssueSerializer(source="issues", many=True)  # type: ignore[assignment]

    class Meta(ImportSerializer.Meta):
        fields = [*ImportSerializer.Meta.fields, "errors"]
        read_only_fields = fields
