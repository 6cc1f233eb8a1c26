"""Tables of what is said about files: a CSV whose rows name a file and give its title, tags, group and the like."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.services.images import table_cells
from retrieval.services.images.image_fields import ImageChanges, checked
from retrieval.services.images.metadata_table import SAID, changes_of
from retrieval.services.images.picture_cells import cells_of
from retrieval.services.images.table_cells import path_of

__all__ = ["Texts", "path_of", "read", "require_files", "written"]

FILE = "file_name"
PASSED_OVER = ("id", "sha256")

Texts = Mapping[str, ImageChanges]


def read(data: bytes, *, folder: str = "") -> Texts:
    """Read a table as spreadsheets save it; its files are named from ``folder`` on, in the manner of paths with ``/``.

    The first row names the columns: ``file_name`` and some of SAID; tags have commas between them or are a
    JSON list, ``metadata`` is a JSON object, and an empty cell says nothing. Commas, semicolons or tabs divide cells.
    Raises InvalidInput (table) with the row at fault.
    """
    found: dict[str, ImageChanges] = {}
    for number, row in enumerate(_rows(data), 2):
        name = folder + path_of(table_cells.unguarded(row.pop(FILE)))
        if name in found:
            raise _wrong(f"row {number} names {name} a second time.")
        try:
            found[name] = _said(row)
        except InvalidInput as error:
            raise _wrong(f"row {number}: {', '.join(error.fields)}: {error.message}") from error
    return found


def written(images: Iterable[tuple[Image, str]]) -> bytes:
    """Write the table that ``read`` reads: a row for each picture, its id and the name of its file."""
    rows = [(str(image.pk), name, *cells_of(image, SAID)) for image, name in images]
    return table_cells.lines([("id", FILE, *SAID), *rows]).encode("utf-8-sig")


def require_files(texts: Texts, names: Iterable[str]) -> None:
    """Raise InvalidInput (table) when a row names a file that is not among these."""
    there = {path_of(name) for name in names}
    missing = [name for name in texts if name not in there]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise _wrong(f"there is no file {missing[0]}{more}.")


def _rows(data: bytes) -> Iterator[dict[str, str]]:
    try:
        rows = table_cells.table(table_cells.decoded(data))
        names = [table_cells.header(name) for name in next(rows, [])]
        _check_columns(names)
        for number, cells in enumerate(rows, 2):
            if cells and len(cells) != len(names):
                raise _wrong(f"line {number} has not as many cells as the first row.")
            if cells:
                yield dict(zip(names, cells, strict=True))
    except ValueError:
        raise _wrong("it is not in UTF-8.") from None
    except csv.Error as error:
        raise _wrong(f"a line cannot be read: {error}.") from None


def _check_columns(names: list[str]) -> None:
    unknown = [name for name in names if name not in (FILE, *PASSED_OVER, *SAID)]
    if FILE not in names or unknown or len(set(names)) < len(names):
        problem = f"there is no column {unknown[0][:60]!r} here" if unknown else f"it needs one column {FILE}"
        raise _wrong(f"{problem}; the others are {', '.join(SAID)}.")


def _said(row: Mapping[str, str]) -> ImageChanges:
    """What a row says, within the bounds of a picture's fields."""
    changes = changes_of({name: cell.strip() for name, cell in row.items()})
    checked(changes)
    return changes


def _wrong(what: str) -> InvalidInput:
    return InvalidInput.of("table", f"The table of the files cannot be used: {what}")
