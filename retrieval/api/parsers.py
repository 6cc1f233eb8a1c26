"""JSON that is read within bounds: its size, its depth, and only what the database can keep."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.core.files.base import ContentFile
from django.http.multipartparser import MultiPartParserError
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.renderers import JSONRenderer

from retrieval import conf
from retrieval.errors import TooLarge
from retrieval.form_parts import FormParts

DEPTH = 20
LARGEST_INTEGER = 2**63 - 1


class JsonParser(BaseParser):
    """Parses ``application/json``. Django's own limit on bodies does not see what DRF reads, so it is kept here."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """Return the decoded body. Raises TooLarge, ParseError."""
        limit = conf.get().limits.json_bytes
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"A JSON body has at most {limit} bytes.", code="body_too_large")
        return loads(body)


class FormParser(MultiPartParser):
    """Parses ``multipart/form-data``, with the names of files whole."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles[Any, Any]:
        """Return the fields and the files. Raises ParseError."""
        context = parser_context or {}
        request, encoding = context["request"], parsers.get_encoding(context)  # type: ignore[attr-defined]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        try:
            return DataAndFiles(*FormParts(meta, stream, request.upload_handlers, encoding).parse())
        except MultiPartParserError as error:
            raise ParseError(f"The form cannot be read: {error}") from None


class TableParser(BaseParser):
    """Parses ``text/csv``: the whole body is the file. The view has refused one that is too long."""

    media_type = "text/csv"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """Return the file under its name."""
        return {"file": ContentFile(stream.read(), name="table.csv")}


def loads(text: bytes | str) -> Any:
    """Decode JSON strictly. Raises ParseError for what is not JSON, too deep, or cannot be kept."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"This is not valid JSON: {error}") from None
    _check(value)
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _check(value: Any) -> None:
    """Walk without recursion through all values and keys."""
    todo = [(value, 0)]
    while todo:
        item, depth = todo.pop()
        if depth > DEPTH:
            raise ParseError(f"The JSON is nested more than {DEPTH} levels deep.")
        if isinstance(item, dict):
            todo += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            todo += [(part, depth + 1) for part in item]
        else:
            _check_leaf(item)


def _check_leaf(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError("A text holds a null character or half of a character pair.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ParseError("A number is too large.")
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ParseError("A whole number is too large.")
