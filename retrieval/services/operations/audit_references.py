"""The audit of references: rows that name what is not there, or have a value that nothing knows, by one statement."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Field, ForeignKey, Model
from psycopg import sql

from retrieval.services.operations.findings import SHOWN, Finding

# Names of those who are gone may stay on the trail; a picture's digest is looked at by itself, and the database sees to
# that of a vector.
LOOSE = {
    ("auditevent", "actor"), ("imagedigest", "image"), ("embeddingdigest", "image"), ("embeddingdigest", "encoder"),
}  # fmt: skip
TEXTS = {
    "reference_dangling": "It names {value} as its {field}, which is not there.",
    "value_unknown": "'{value}' is no {field} that anything here knows.",
}
ROWS = """(SELECT {code}, {subject} || concat_ws(' by ', {key}), {field}, {column}::text
    FROM {table} t WHERE {wrong} LIMIT {most})"""
NAMES_NOTHING = "{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {named} n WHERE n.{target} = {column})"


def references() -> Iterator[Finding]:
    """No row names a row that is not there, where the database itself does not see to that; every state is known."""
    with connection.cursor() as cursor:
        cursor.execute(_statement())
        rows = list(cursor.fetchall())
    for code, subject, field, value in rows:
        yield Finding(code, subject, TEXTS[code].format(field=field, value=value))


@cache
def _statement() -> str:
    models = [model for model in apps.get_app_config("retrieval").get_models() if model._meta.managed]
    parts = [
        _rows(model, field, code=code, wrong=wrong)
        for model in models
        for field in model._meta.concrete_fields
        for code, wrong in (("reference_dangling", _names_nothing(model, field)), ("value_unknown", _unknown(field)))
        if wrong
    ]
    return sql.SQL(" UNION ALL ").join(parts).as_string()


def _rows(model: type[Model], field: Field[Any, Any], *, code: str, wrong: sql.Composed) -> sql.Composed:
    meta = model._meta
    key = [sql.Identifier("t", str(part.column)) for part in getattr(meta, "pk_fields", [meta.pk])]
    return sql.SQL(ROWS).format(
        code=sql.Literal(code), subject=sql.Literal(f"{meta.model_name} "), key=sql.SQL(", ").join(key),
        field=sql.Literal(field.name), column=_column(field), table=sql.Identifier(meta.db_table), wrong=wrong,
        most=sql.Literal(SHOWN),
    )  # fmt: skip


def _names_nothing(model: type[Model], field: Field[Any, Any]) -> sql.Composed | None:
    sure = getattr(field, "db_constraint", True) or (model._meta.model_name, field.name) in LOOSE
    if sure or not isinstance(field, ForeignKey):
        return None
    named, target = field.related_model._meta.db_table, field.target_field.column
    parts = {"column": _column(field), "named": sql.Identifier(named), "target": sql.Identifier(str(target))}
    return sql.SQL(NAMES_NOTHING).format(**parts)


def _unknown(field: Field[Any, Any]) -> sql.Composed | None:
    known = sql.SQL(", ").join(sql.Literal(value) for value, _ in field.flatchoices or ())
    return sql.SQL("{} NOT IN ({})").format(_column(field), known) if field.choices else None


def _column(field: Field[Any, Any]) -> sql.Identifier:
    return sql.Identifier("t", str(field.column))
