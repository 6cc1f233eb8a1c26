"""What is said of a list of pictures, one answer each: of a concept's pictures, of alerts, of queries."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from retrieval.errors import InvalidInput

ANSWER = "is-"
MOST_DIGITS = 9


def answers(data: QueryDict, *, allowed: Sequence[str]) -> dict[UUID, str]:
    """Return each ``is-<id>`` with its answer. Raises InvalidInput for no id, or another answer."""
    return {_id(name): value for name, value in _said(data, allowed=allowed)}


def numbered(data: QueryDict, *, allowed: Sequence[str]) -> dict[int, str]:
    """Return each ``is-<number>`` with its answer. Raises InvalidInput for no number, or another answer."""
    said = _said(data, allowed=allowed)
    for name, _value in said:
        if not (name.isascii() and name.isdigit() and len(name) <= MOST_DIGITS):
            raise InvalidInput.of("answer", _("This is not the id of anything."))
    return {int(name): value for name, value in said}


def ids(data: QueryDict, name: str) -> tuple[UUID, ...]:
    """Return the ids under a name, several or one text with commas. Raises InvalidInput (of that name)."""
    parts = [part for text in data.getlist(name) for part in str(text).split(",") if part]
    return tuple(dict.fromkeys(_id(part, name=name) for part in parts))


def _said(data: QueryDict, *, allowed: Sequence[str]) -> list[tuple[str, str]]:
    said = [(name.removeprefix(ANSWER), str(value)) for name, value in data.items() if name.startswith(ANSWER)]
    if any(value not in allowed for _name, value in said):
        raise InvalidInput.of("answer", _("This is no answer."))
    return said


def _id(text: str, *, name: str = "answer") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput.of(name, _("This is not the id of anything.")) from None
