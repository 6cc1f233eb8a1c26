"""Pages by cursor: the place in the order is written in the link, so pages stay right while rows come and go."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db.models import Field, GeneratedField, Model, Q, QuerySet
from django.utils.timezone import is_naive
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from retrieval.errors import InvalidInput

if TYPE_CHECKING:
    from rest_framework.views import APIView

PAGE_SIZE = 50
LARGEST_PAGE = 200
Item = TypeVar("Item")
PARAMETERS = ("cursor", "page_size")
# A title has 300 characters of at most six bytes each as JSON, and beside it an id; Base64 makes four bytes of three.
LONGEST_CURSOR = 3_000


@dataclass(frozen=True)
class Cursor:
    """A row's place: the value it is ordered by and its id; ``back`` asks for the rows before it."""

    value: Any
    row_id: str
    back: bool = False

    def encode(self) -> str:
        """Return the cursor as text that fits in a link."""
        place = [str(self.value), self.row_id, self.back]
        return urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode()

    @classmethod
    def decode(cls, text: str, *, model: type[Model], field: str) -> Cursor:
        """Read a cursor. Raises InvalidInput for anything that ``encode`` did not write."""
        try:
            value, row_id, back = json.loads(urlsafe_b64decode(text[:LONGEST_CURSOR]))
            if not (isinstance(value, str) and isinstance(row_id, str) and isinstance(back, bool)):
                raise TypeError(text)
            value.encode()  # half of a character pair cannot be written
            parsed = _field(model, field).to_python(value)
            if "\0" in value or (isinstance(parsed, datetime) and is_naive(parsed)):
                raise ValueError(text)
            return cls(parsed, str(model._meta.pk.to_python(row_id)), back)
        except (ValueError, TypeError, binascii.Error, ValidationError, RecursionError):
            raise InvalidInput.of("cursor", "This is not a cursor of this list.") from None


def _cut(rows: QuerySet[Any], most: int) -> tuple[list[Any], int]:
    """Return the first rows, and how many there were, of which some may be gone by now.

    Where more is told of each than its columns, that is found for these alone: the database would compute it for many
    at once, and read whole tables for that, not knowing that few are wanted.
    """
    if not rows.query.annotations:
        found = list(rows[:most])
        return found, len(found)
    ids = list(rows.values_list("pk", flat=True)[:most])
    told = {row.pk: row for row in rows.filter(pk__in=ids)}
    return [told[pk] for pk in ids if pk in told], len(ids)


class CursorPages(BasePagination):
    """``?cursor=`` and ``?page_size=`` up to 200; ordered by the queryset's first ordering field, ties by id."""

    def paginate_queryset(
        self,
        queryset: Any,
        request: Request,
        view: APIView | None = None,  # noqa: ARG002
    ) -> list[Any]:
        """Return the page's rows and remember the links around it. Raises InvalidInput for a bad size or cursor."""
        order = str((queryset.query.order_by or queryset.model._meta.ordering)[0])
        self.field, self.descending = order.removeprefix("-"), order.startswith("-")
        size, text = _page_size(request), request.query_params.get("cursor", "").strip()
        cursor = Cursor.decode(text, model=queryset.model, field=self.field) if text else None
        back = bool(cursor and cursor.back)
        found, count = _cut(self._rows(queryset, cursor), size + 1)
        more, rows = count > size, found[:size]
        if back:
            rows.reverse()
        self.url = request.build_absolute_uri()
        self.next = self._link(rows[-1:], back=False) if more or back else None
        self.previous = self._link(rows[:1], back=True) if (more if back else cursor) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap the rows with the links."""
        return Response({"results": data, "next": self.next, "previous": self.previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the wrapped page for OpenAPI."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:  # noqa: ARG002
        """Describe the two parameters for OpenAPI."""
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "As in `next`."},
            {"name": "page_size", "in": "query", "schema": size},
        ]

    def _rows(self, queryset: QuerySet[Any], cursor: Cursor | None) -> QuerySet[Any]:
        """Order by (field, id) and start behind the cursor; a page before it is read backwards."""
        downwards = self.descending != bool(cursor and cursor.back)
        sign, side = ("-", "lt") if downwards else ("", "gt")
        rows = queryset.order_by(f"{sign}{self.field}", f"{sign}pk")
        if cursor is None:
            return rows
        # The first condition repeats the others' outer bound: an index can use it.
        return rows.filter(
            Q(**{f"{self.field}__{side}e": cursor.value}),
            Q(**{f"{self.field}__{side}": cursor.value}) | Q(**{f"pk__{side}": cursor.row_id}),
        )

    def _link(self, rows: list[Any], *, back: bool) -> str | None:
        if not rows:
            return None
        value = reduce(getattr, self.field.split("__"), rows[0])
        text = value.isoformat() if hasattr(value, "isoformat") else value
        return replace_query_param(self.url, "cursor", Cursor(text, str(rows[0].pk), back).encode())


class ListPages(CursorPages):
    """The same pages of what is computed for each call and has no rows: a place is the name of what stands there."""

    def page(self, items: Sequence[Item], *, request: Request, names: Sequence[str]) -> Sequence[Item]:
        """Return the page's items and remember the links around it. Raises InvalidInput for a bad size or cursor.

        Where the item before the page is gone, the page begins where it would have.
        """
        size, text = _page_size(request), request.query_params.get("cursor", "").strip()
        place = _Place.decode(text) if text else _Place(0, "")
        found = names.index(place.name) + (not place.back) if place.name in names else min(place.position, len(names))
        first = max(0, found - size) if place.back else found
        end = min(len(names), first + size)
        url = request.build_absolute_uri()
        after, before = (
            _Place(end, names[end - 1]) if end else None,
            _Place(first, "".join(names[first : first + 1]), True),
        )
        self.next = replace_query_param(url, "cursor", after.encode()) if after and end < len(names) else None
        self.previous = replace_query_param(url, "cursor", before.encode()) if first else None
        return items[first:end]


@dataclass(frozen=True)
class _Place:
    """Behind the item of this name, or before it; the position stands for it once it is gone."""

    position: int
    name: str
    back: bool = False

    def encode(self) -> str:
        return urlsafe_b64encode(json.dumps([self.position, self.name, self.back]).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> _Place:
        try:
            position, name, back = json.loads(urlsafe_b64decode(text[:LONGEST_CURSOR]))
            if not (type(position) is int and position >= 0 and isinstance(name, str) and isinstance(back, bool)):
                raise TypeError(text)
            return cls(position, name, back)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise InvalidInput.of("cursor", "This is not a cursor of this list.") from None


def _field(model: type[Model], path: str) -> Field[Any, Any]:
    """Return the field that rows are ordered by, of the model itself or, as in ``user__username``, of one beside it."""
    *way, name = path.split("__")
    for step in way:
        model = cast("type[Model]", model._meta.get_field(step).related_model)
    found = model._meta.get_field(name)
    return cast("Field[Any, Any]", found.output_field if isinstance(found, GeneratedField) else found)


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size", "").strip()
    if not text:
        return PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LARGEST_PAGE):
        raise InvalidInput.of("page_size", f"A whole number from 1 to {LARGEST_PAGE}.")
    return int(text)
