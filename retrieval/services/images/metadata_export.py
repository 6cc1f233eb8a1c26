"""What is said of all pictures of a collection, as a table that an import reads back unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.models import Collection, Image, Role
from retrieval.services.images import picture_cells, table_cells
from retrieval.services.images.metadata_table import SAID
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

AT_ONCE = 500
FACTS = ("width", "height", "format", "bytes", "sha256", "created_at")
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
CELLS = ("id", "path", *SAID, "camera", *picture_cells.PLACE, *FACTS)
FIELDS = ("id", "path", *SAID, "camera", "place", *FACTS)


def written(collection: Collection, *, user: User, kind: str) -> Iterator[str]:
    """Write a line for each picture, some at a time, as ``csv`` or ``json``; who sees the collection may.

    CSV begins with the mark by which spreadsheets know UTF-8; JSON is a list of objects with the names of a picture's
    JSON. It goes on the trail. Raises NotFound.
    """
    rights.require_role(collection, user=user, role=Role.VIEWER)
    accounts.record(user, "metadata.exported", collection, format=kind)
    return _csv(collection) if kind == "csv" else _json(collection)


def _csv(collection: Collection) -> Iterator[str]:
    yield "\ufeff" + table_cells.lines([CELLS])
    for part in _images(collection):
        yield table_cells.lines([picture_cells.cells_of(image, CELLS) for image in part])


def _json(collection: Collection) -> Iterator[str]:
    sign = "["
    for part in _images(collection):
        for image in part:
            row = {name: picture_cells.value(image, name) for name in FIELDS}
            yield f"{sign}\n{json.dumps(row, ensure_ascii=False)}"
            sign = ","
    yield "\n]\n" if sign == "," else "[]\n"


def _images(collection: Collection) -> Iterator[list[Image]]:
    rows = Image.objects.alive().filter(collection=collection).order_by("created_at", "id")
    columns = rows.only("taken_offset", *(name for name in CELLS if name != "id"))
    found = columns.iterator(AT_ONCE)
    while part := list(islice(found, AT_ONCE)):
        yield part
