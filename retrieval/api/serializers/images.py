"""Pictures and archives, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from retrieval.api.serializers.fields import Input, JsonObject, Many, ProblemSerializer
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import ArchiveImport, Image, ImportIssue, Status
from retrieval.models.bounds import CAPTION_LENGTH, GROUP_LENGTH, MOST_TAGS, TAG_LENGTH, TITLE_LENGTH, URL_LENGTH

URL = {"type": "string", "format": "uri"}
ORDERINGS = ("-created_at", "created_at", "title", "-title")


class Url(serializers.Field[Any, Any, str, Any]):
    """The address of a picture's thumbnail or file."""

    def __init__(self, view: str, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)
        self.view = view

    def to_representation(self, value: Image) -> str:
        """Return the full address."""
        return reverse(f"api:{self.view}", args=[value.pk], request=self.context["request"])


ThumbnailUrl = extend_schema_field(URL)(Url)


class ImageTexts(Input):
    """What a person says about a picture."""

    title = serializers.CharField(max_length=TITLE_LENGTH, allow_blank=True, required=False)
    caption = serializers.CharField(max_length=CAPTION_LENGTH, allow_blank=True, required=False)
    tags = Many(child=serializers.CharField(max_length=TAG_LENGTH), max_length=MOST_TAGS, required=False)
    group_key = serializers.CharField(max_length=GROUP_LENGTH, allow_blank=True, required=False)
    source_url = serializers.URLField(max_length=URL_LENGTH, allow_blank=True, required=False)
    metadata = extend_schema_field({"type": "object", "additionalProperties": True})(JsonObject)(required=False)


class ImageAddress(ImageTexts):
    """A picture to be fetched and added."""

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


class ImageFilter(Input):
    """Filters of pictures."""

    collection = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(Status.choices, required=False)
    tag = serializers.CharField(max_length=TAG_LENGTH, required=False)
    group_key = serializers.CharField(max_length=GROUP_LENGTH, required=False)
    q = serializers.CharField(max_length=500, required=False, help_text="Words in title, caption and tags.")
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)
    document = serializers.UUIDField(required=False, help_text="The pages of one document.")


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
    thumbnail_url = ThumbnailUrl("thumbnail")
    file_url = ThumbnailUrl("file")

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
            "width",
            "height",
            "format",
            "bytes",
            "sha256",
            "status",
            "error",
            "thumbnail_url",
            "file_url",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(DocumentSerializer(allow_null=True))
    def get_document(self, image: Image) -> dict[str, Any] | None:
        """Return the document and the page; null for a picture by itself."""
        return {"id": image.document, "page": image.page, "pages": image.pages} if image.document else None

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
