"""What a batch found, as rows that people read, and as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from retrieval.models import Batch, BatchRow, Image
from retrieval.services.copies import batches

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

AT_ONCE = 500
COLUMNS = (
    "n", "name", "match", "decision", "decided_by", "decided_at", "rank", "image", "title", "score", "band",
    "probability", "error",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


@dataclass(frozen=True)
class Hit:
    """One of the nearest to a query, which this person sees."""

    image: Image
    score: float
    band: str | None
    probability: float | None


@dataclass(frozen=True)
class Row:
    """One query as it is shown."""

    n: int
    name: str
    image: UUID | None
    match: str | None
    results: Sequence[Hit]
    decision: str | None
    decided_by: str | None
    decided_at: Any
    error: dict[str, str] | None


def shown(rows: Sequence[BatchRow], *, user: Viewer) -> list[Row]:
    """Return rows with those of their hits that this person sees now."""
    images = batches.visible_images(rows, user=user)
    return [_shown(row, images) for row in rows]


def table(batch: Batch, *, user: Viewer) -> Iterator[str]:
    """Write the batch as CSV, a line for each hit and one for a query without any, some rows at a time."""
    yield _lines([COLUMNS])
    for row in everything(batch, user=user):
        yield _lines([[_cell(value) for value in line] for line in _table_rows(row)])


def everything(batch: Batch, *, user: Viewer) -> Iterator[Row]:
    """Return all rows in their order, some at a time."""
    rows = batches.rows(batch).iterator(AT_ONCE)
    while part := list(islice(rows, AT_ONCE)):
        yield from shown(part, user=user)


def _shown(row: BatchRow, images: dict[UUID, Image]) -> Row:
    hits = [
        Hit(images[UUID(hit["image"])], hit["score"], hit["band"], hit["probability"])
        for hit in row.results
        if UUID(hit["image"]) in images
    ]
    by = row.decided_by.get_username() if row.decided_by else None
    error = {"code": row.error_code, "message": row.error_text} if row.error_code else None
    return Row(
        row.n, row.name, row.image if row.image in images else None, row.match or None, hits, row.decision or None, by,
        row.decided_at, error,
    )  # fmt: skip


def _table_rows(row: Row) -> list[list[Any]]:
    first = [row.n, row.name, row.match, row.decision, row.decided_by, row.decided_at]
    error = row.error["code"] if row.error else ""
    hits = [[rank, hit.image.pk, hit.image.title, round(hit.score, 4), hit.band, hit.probability]
            for rank, hit in enumerate(row.results, 1)]  # fmt: skip
    return [[*first, *hit, error] for hit in hits or [[None] * 6]]


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
