"""What a statement reads to answer, by PostgreSQL's own account: rows of each table, and by which way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

COUNTED = "Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"


@dataclass(frozen=True)
class Reading:
    """How many rows of a table one step of a plan reads, in all its turns, and by which way."""

    table: str
    way: str
    rows: int


def readings(sql: str, params: Any) -> list[Reading]:
    """Run a statement that reads, and return what its steps read of tables, the most first."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, FORMAT JSON) {sql}", params)
        (said,) = cursor.fetchone()
    plan = said if isinstance(said, list) else json.loads(said)
    return sorted(_readings(plan[0]["Plan"]), key=lambda one: -one.rows)


def _readings(node: dict[str, Any]) -> Iterator[Reading]:
    """Also what a filter threw away was read."""
    table = node.get("Relation Name") or node.get("Index Name")
    if table:
        each = sum(node.get(name, 0) for name in COUNTED)
        way = f"{node['Node Type']} {node.get('Index Name', '')}".strip()
        yield Reading(table, way, round(each * node["Actual Loops"]))
    for below in node.get("Plans", []):
        yield from _readings(below)
