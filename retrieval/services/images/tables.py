"""Tables of what is said about files: a CSV whose rows name a file and give its title, tags, group and the like."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.services.images.image_fields import ImageChanges, checked

__all__ = ["Texts", "path_of", "read", "require_files", "written"]

FILE = "file_name"
COLUMNS = ("title", "caption", "tags", "group_key", "source_url", "metadata")
DELIMITERS = ",;\t"

Texts = Mapping[str, ImageChanges]


def read(data: bytes, *, folder: str = "") -> Texts:
    """Read a table in UTF-8; its files are named from ``folder`` on, in the manner of paths with ``/``.

    The first row names the columns: ``file_name`` and some of COLUMNS; tags have commas between them or are a
    JSON list, ``metadata`` is a JSON object, and an empty cell says nothing. Commas, semicolons or tabs divide cells.
    Raises InvalidInput (table) with the row at fault.
    """
    found: dict[str, ImageChanges] = {}
    for number, row in enumerate(_rows(data), 2):
        name = folder + path_of(row.pop(FILE))
        if name in found:
            raise _wrong(f"row {number} names {name} a second time.")
        try:
            found[name] = _said(row)
        except InvalidInput as error:
            raise _wrong(f"row {number}: {', '.join(error.fields)}: {error.message}") from error
    return found


def written(images: Iterable[tuple[Image, str]]) -> bytes:
    """Write the table that ``read`` reads: a row for each picture and the name of its file."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow((FILE, *COLUMNS))
    for image, name in images:
        rows.writerow((name, *(_cell(getattr(image, column)) for column in COLUMNS)))
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    words = isinstance(value, list) and not any("," in word or word.startswith("[") for word in value)
    return ",".join(value) if words else json.dumps(value, ensure_ascii=False) if value else ""


def require_files(texts: Texts, names: Iterable[str]) -> None:
    """Raise InvalidInput (table) when a row names a file that is not among these."""
    there = {path_of(name) for name in names}
    missing = [name for name in texts if name not in there]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise _wrong(f"there is no file {missing[0]}{more}.")


def path_of(name: str) -> str:
    """Return a file's path as tables are asked for it."""
    path = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return path.removeprefix("./")


def _rows(data: bytes) -> Iterator[dict[str, str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("it is not in UTF-8.") from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True)
    try:
        _check_columns([name.strip() for name in rows.fieldnames or ()])
        for row in rows:
            if None in row or None in row.values():
                raise _wrong(f"line {rows.line_num} has not as many cells as the first row.")
            yield {str(name).strip(): value for name, value in row.items()}
    except csv.Error as error:
        raise _wrong(f"line {rows.line_num}: {error}.") from None


def _check_columns(names: list[str]) -> None:
    unknown = [name for name in names if name not in (FILE, *COLUMNS)]
    if FILE not in names or unknown or len(set(names)) < len(names):
        problem = f"there is no column {unknown[0][:60]!r} here" if unknown else f"it needs one column {FILE}"
        raise _wrong(f"{problem}; the others are {', '.join(COLUMNS)}.")


def _said(row: Mapping[str, str]) -> ImageChanges:
    """What a row says, within the bounds of a picture's fields."""
    cells: dict[str, Any] = {name: value.strip() for name, value in row.items() if value.strip()}
    if "tags" in cells:
        listed = cells["tags"].startswith("[")
        cells["tags"] = _json("tags", cells["tags"]) if listed else tuple(cells["tags"].split(","))
    if "metadata" in cells:
        cells["metadata"] = _json("metadata", cells["metadata"])
    changes = ImageChanges(**cells)
    checked(changes)
    return changes


def _json(name: str, text: str) -> Any:
    """Read a list of words, or an object; a cell that holds anything else is refused by its column's name."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # what the database does not keep
    except (ValueError, RecursionError):
        raise InvalidInput.of(name, "This is not valid JSON.") from None
    if name == "tags":
        fits = isinstance(value, list) and all(isinstance(word, str) for word in value)
    else:
        fits = isinstance(value, dict)
    if not fits:
        raise InvalidInput.of(name, "A list of words." if name == "tags" else "A JSON object.")
    return value


def _wrong(what: str) -> InvalidInput:
    return InvalidInput.of("table", f"The table of the files cannot be used: {what}")
