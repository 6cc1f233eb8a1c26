"""Sources, in and out; a password goes in and never comes out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input, ProblemSerializer
from retrieval.models import Source, SourceKind
from retrieval.models.bounds import SOURCE_NAME_LENGTH, SOURCE_PASSWORD_LENGTH, URL_LENGTH, USERNAME_LENGTH
from retrieval.models.sources import LEAST_MINUTES, MOST_DAYS, MOST_MINUTES


class SourceChanges(Input):
    """What may be changed of a source."""

    name = serializers.CharField(
        max_length=SOURCE_NAME_LENGTH, required=False, help_text="A camera's titles its pictures."
    )
    place = serializers.CharField(max_length=URL_LENGTH, required=False, help_text="Whole path, or address.")
    username = serializers.CharField(max_length=USERNAME_LENGTH, allow_blank=True, required=False)
    password = serializers.CharField(
        max_length=SOURCE_PASSWORD_LENGTH, allow_blank=True, trim_whitespace=False, write_only=True, required=False,
        help_text="Sent to the server of the address alone, and never shown.",
    )  # fmt: skip
    every_minutes = serializers.IntegerField(min_value=LEAST_MINUTES, max_value=MOST_MINUTES, required=False)
    keep_days = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, allow_null=True, required=False, help_text="Null: for ever."
    )
    active = serializers.BooleanField(required=False)


class SourceInput(SourceChanges):
    """What is to be read."""

    name = serializers.CharField(max_length=SOURCE_NAME_LENGTH, help_text="A camera's titles its pictures.")
    kind = serializers.ChoiceField(SourceKind.choices)
    place = serializers.CharField(max_length=URL_LENGTH, help_text="Whole path, or address.")


class RefusedFileSerializer(serializers.Serializer[Any]):
    """A file that was not taken in, and why."""

    name = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    at = serializers.DateTimeField()


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source as managers see it: everything but its password."""

    kind = serializers.ChoiceField(SourceKind.choices)
    user = serializers.CharField(source="user.username", help_text="Whose pictures these become.")
    has_password = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    refusals = RefusedFileSerializer(many=True, help_text="The last 20.")

    class Meta:
        model = Source
        fields = ["id", "name", "kind", "place", "username", "has_password", "every_minutes", "keep_days", "active",
                  "user", "created_at", "last_read_at", "due_at", "failures", "error", "taken", "known", "refused",
                  "refusals"]  # fmt: skip
        read_only_fields = fields

    def get_has_password(self, row: Source) -> bool:
        """Tell whether a password is kept."""
        return bool(row.password)

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_error(self, row: Source) -> dict[str, str] | None:
        """Return why it was not read the last time; null when it was."""
        return {"code": row.error_code, "message": row.error_text} if row.error_code else None
