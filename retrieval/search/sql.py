"""SQL with its values, put together by parts, and asked with settings in one message to the database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Expression, Model, Q
from psycopg.errors import QueryCanceled

from retrieval.errors import Unavailable

SECONDS = 5


@dataclass(frozen=True)
class Sql:
    """A part of a statement, and the values of its placeholders."""

    text: str
    values: tuple[Any, ...] = ()

    def __add__(self, other: Sql) -> Sql:
        return Sql(self.text + other.text, self.values + other.values)


def joined(between: str, parts: Sequence[Sql]) -> Sql:
    """These parts with this text between each two."""
    return Sql(between.join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def condition(model: type[Model], wanted: Q) -> Sql:
    """What the ORM makes of a condition on the model's own columns; unknown counts as no."""
    query = model._default_manager.all().query
    text, values = query.get_compiler(connection=connection).compile(query.build_where(wanted))
    return Sql(f"coalesce(({text}), false)", tuple(values))


def expression(model: type[Model], wanted: Expression) -> Sql:
    """What the ORM makes of an expression of the model's own columns."""
    query = model._default_manager.all().query
    text, values = query.get_compiler(connection=connection).compile(wanted.resolve_expression(query))
    return Sql(text, tuple(values))


class Asking:
    """Statements of one search, which take SECONDS at most, all of them together.

    Each goes as one message with its settings, which last no longer than it: connections are pooled. Just-in-time
    compiling costs more than it saves.
    """

    def __init__(self) -> None:
        self._ends = time.monotonic() + SECONDS

    def rows(self, statement: Sql, **settings: str) -> list[tuple[Any, ...]]:
        """Return what the statement finds; the settings' dots are written as two underscores."""
        settings = {**self.limits(), **{name.replace("__", "."): value for name, value in settings.items()}}
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        values = [item for pair in settings.items() for item in pair]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}; {statement.text}", [*values, *statement.values])
            cursor.nextset()
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def limits(self) -> dict[str, str]:
        """The settings of every statement; the time that is left in milliseconds, of which 0 would be no limit."""
        left = round((self._ends - time.monotonic()) * 1000)
        return {"statement_timeout": str(max(1, left)), "jit": "off"}


@contextmanager
def bounded() -> Iterator[Asking]:
    """Yield what asks the database. Raises Unavailable (code search_timeout) when that takes too long.

    Whoever searches inside a transaction can go on in it after that.
    """
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            yield Asking()
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise Unavailable("The search took too long; narrow it.", code="search_timeout") from error
        raise
