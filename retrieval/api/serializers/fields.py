"""Fields that read the same from JSON and from a form."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.fields import empty
from rest_framework.utils.html import is_html_input

from retrieval.api.parsers import loads
from retrieval.errors import InvalidInput

# A form of a browser's page may carry Django's token against forgery beside its fields.
FORGERY = "csrfmiddlewaretoken"
MOST_NAMED = 10
NAME_LENGTH = 60


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


class Input(serializers.Serializer[Any]):
    """What a caller sends. A field that is not known is refused, and one that a form gives twice but means once."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; one of choices names them when it refuses."""
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                choices = ", ".join(str(choice) for choice in field.choices)
                field.error_messages["invalid_choice"] = f"This is none of {choices}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked input. Raises InvalidInput (unknown_field) with the known field nearest to each."""
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            refuse_unknown([name for name in data if name != FORGERY], known=known, above=self._above())
        if is_html_input(data):
            lists = serializers.ListField
            refuse_repeated(data, names=[name for name, field in self.fields.items() if not isinstance(field, lists)])
        return super().to_internal_value(data)

    def _above(self) -> str:
        """The names of the fields that this is inside of, each with its dot."""
        names: list[str] = []
        field: Any = self
        while field is not None:
            names, field = [field.field_name or "", *names], field.parent
        return "".join(f"{name}." for name in names if name)


def refuse_unknown(given: Iterable[str], *, known: Sequence[str], above: str = "") -> None:
    """Raise InvalidInput (unknown_field) that names what is not known, and for each the known name nearest to it."""
    unknown = [name for name in given if name not in known][:MOST_NAMED]
    if not unknown:
        return
    near = {above + name[:NAME_LENGTH]: nearest_name(name[:NAME_LENGTH], known) for name in unknown}
    texts = {name: f"{name}: There is no such field." + (f" Did you mean {other}?" if other else "")
             for name, other in near.items()}  # fmt: skip
    rest = f" There are {', '.join(known)}." if known else ""
    fields = {name: [text] for name, text in texts.items()}
    raise InvalidInput(" ".join(texts.values()) + rest, code="unknown_field", fields=fields)


def refuse_repeated(given: Any, *, names: Iterable[str]) -> None:
    """Raise InvalidInput for a name of a form or of an address that means one value and has several."""
    for name in names:
        if len(given.getlist(name)) > 1:
            raise InvalidInput.of(name, f"{name}: This is given more than once.")


def nearest_name(name: str, known: Sequence[str]) -> str:
    """The known name that has a part of this one for itself, else the one spelt most alike; empty when none is."""
    parts = name.lower().replace("-", "_").split("_")
    whole = [other for other in known if other in parts or other.rstrip("s") in parts]
    return next(iter(whole or difflib.get_close_matches(name.lower(), known, n=1)), "")


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
