"""Fields that read the same from JSON and from a form."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.fields import empty
from rest_framework.utils.html import is_html_input

from retrieval.api.parsers import loads


class ProblemSerializer(serializers.Serializer[Any]):
    """Why something failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class _Problem(serializers.Field[Any, Any, "dict[str, str] | None", Any]):
    """Why a row failed that has a state, ``error_code`` and ``error_text``; null for one that did not."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, value: Any) -> dict[str, str] | None:
        """Return code and sentence."""
        return {"code": value.error_code, "message": value.error_text} if value.state == "failed" else None


Problem = extend_schema_field(ProblemSerializer(allow_null=True))(_Problem)


class Texts(list[str]):
    """What a form holds under one name."""

    def values(self) -> Any:
        """Return the list that is meant: one JSON text, or words divided by commas."""
        if len(self) == 1 and self[0].lstrip().startswith("["):
            return json_value(self[0])
        return [word.strip() for text in self for word in text.split(",") if word.strip()]


class Many(serializers.ListField):
    """A list: in JSON a list; in a form repeated fields, words divided by commas, or a JSON list."""

    def get_value(self, dictionary: Any) -> Any:
        """Return the raw list, or ``empty`` when the form has no such field, or one without a word in it."""
        if not is_html_input(dictionary):
            return super().get_value(dictionary)
        texts = Texts(str(text) for text in dictionary.getlist(self.field_name))
        return texts if any(text.strip(" ,") for text in texts) else empty

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the checked items."""
        return list(super().to_internal_value(data.values() if isinstance(data, Texts) else data))


class JsonObject(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """An object: in JSON an object, in a form its JSON text."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the dictionary."""
        value = json_value(data) if isinstance(data, str) else data
        if not isinstance(value, dict):
            self.fail("invalid")
        return dict(value)

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the dictionary as it is."""
        return value


def json_value(text: Any) -> Any:
    """Return the decoded text; what is wrong with it is reported as an error of the field."""
    try:
        return loads(str(text))
    except ParseError as error:
        raise serializers.ValidationError(str(error.detail)) from None
