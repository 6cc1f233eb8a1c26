"""Tables of metadata, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.services.images.metadata_export import TYPES
from retrieval.services.images.metadata_table import MOST_ROWS

FORMATS = tuple(TYPES)
DRY = "Only tell what would be done."


class MetadataQuery(Input):
    """How a table is taken in."""

    dry_run = serializers.BooleanField(default=False, help_text=DRY)


class ExportQuery(Input):
    """As what it is sent."""

    format = serializers.ChoiceField(FORMATS, default=FORMATS[0])


class MetadataInput(Input):
    """Rows as JSON."""

    rows = serializers.ListField(
        child=serializers.JSONField(),
        max_length=MOST_ROWS,
        help_text="Objects: id, sha256, path or name (the first that is given names the picture), and what to write.",
    )
    dry_run = serializers.BooleanField(default=False, help_text=DRY)


class MetadataForm(Input):
    """The same as a file."""

    file = serializers.FileField(help_text="CSV, or a JSON list of objects.", allow_empty_file=True)
    dry_run = serializers.BooleanField(default=False, help_text=DRY)


class RowRefusedSerializer(serializers.Serializer[Any]):
    """A row that was left out, and why; the headings of a CSV are row 1, so is the first object of JSON."""

    row = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()


class RowUnknownSerializer(serializers.Serializer[Any]):
    """A row that names no picture here."""

    row = serializers.IntegerField()
    name = serializers.CharField()


class ImportedSerializer(serializers.Serializer[Any]):
    """How many pictures were changed, or would be, and which rows were left out."""

    changed = serializers.IntegerField(min_value=0)
    unchanged = serializers.IntegerField(min_value=0, help_text="Named, and so already.")
    unknown = serializers.IntegerField(min_value=0, help_text="Rows that name no picture of the collection.")
    unknown_rows = RowUnknownSerializer(many=True, help_text="The first 1,000.")
    refused = RowRefusedSerializer(many=True, help_text="The first 1,000.")
    refused_count = serializers.IntegerField(min_value=0)
    undo = serializers.UUIDField(
        allow_null=True, help_text="For ``images/bulk/undo/``; null where nothing was written."
    )
