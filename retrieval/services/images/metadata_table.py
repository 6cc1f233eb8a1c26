"""Tables of what is said about pictures, CSV or JSON: which picture each row means, and what it says of it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from retrieval.errors import InvalidInput
from retrieval.services.images import table_cells
from retrieval.services.images.image_fields import ImageChanges, checked, title_of

SAID = ("title", "caption", "tags", "group_key", "source_url", "metadata", "taken_at", "rating")
NAMES = ("path", "file_name", "name")
# What else a picture shows: passed over, so that an export may be read as it is.
SHOWN = (
    "collection", "document", "page", "pages", "second", "width", "height", "format", "bytes", "status", "error",
    "thumbnail_url", "file_url", "camera", "place", "latitude", "longitude", "favourite", "text", "created_at",
)  # fmt: skip
KNOWN = ("id", "sha256", *NAMES, *SAID, *SHOWN)
MOST_ROWS = 100_000
ROW_LENGTH = 300_000  # characters of one row in JSON
SHORT_ROW = 4_096
SHA256 = re.compile(r"[0-9a-f]{64}")
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Row:
    """One row: its place in the table, how it names its picture (the first that is given counts), and the columns."""

    n: int
    id: UUID | None
    sha256: str
    name: str
    columns: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The title that a file of this name gets."""
        return title_of(self.name)


@dataclass(frozen=True)
class Refusal:
    """A row that is left out, why, and for which field."""

    row: int
    code: str
    message: str
    field: str = ""


Rows = Iterator[Row | Refusal]


def read(data: bytes) -> Rows:
    """Read a table: a JSON list of objects, or CSV as spreadsheets save it, whose first row names the columns.

    Rows are counted as a spreadsheet does, the headings are row 1; in JSON the first object is row 1. Raises
    InvalidInput (file) where the whole cannot be read.
    """
    try:
        text = table_cells.decoded(data)
    except ValueError:
        raise _wrong("it is not in UTF-8.") from None
    return _bounded(_from_json(text) if text.lstrip()[:1] in {"[", "{"} else _from_csv(text))


def from_values(rows: Iterable[Any]) -> Rows:
    """Take rows that came as JSON already; the first is row 1."""
    return _bounded(_refusing(n, _of_values, values) for n, values in enumerate(rows, 1))


def changes_of(cells: Mapping[str, str]) -> ImageChanges:
    """Return what cells say, those that are not empty. Raises InvalidInput naming the column."""
    readers = {"tags": table_cells.words, "metadata": table_cells.mapping, "taken_at": table_cells.moment,
               "rating": _whole}  # fmt: skip
    told = {name: table_cells.unguarded(cells[name]) for name in SAID if cells.get(name, "").strip()}
    said: dict[str, Any] = {name: readers.get(name, str)(text) for name, text in told.items()}
    return ImageChanges(**said)


def check_headings(names: list[str]) -> None:
    """Raise InvalidInput (file) for a column that is not known, or that comes twice."""
    unknown = [name for name in names if name not in KNOWN]
    twice = [name for name in names if names.count(name) > 1]
    if unknown or twice:
        problem = f"there is no column {unknown[0][:60]!r} here" if unknown else f"two columns are {twice[0]!r}"
        raise _wrong(f"{problem}; there are {', '.join(KNOWN)}.")


def _bounded(rows: Rows) -> Rows:
    for count, row in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise _wrong(f"it has more than {MOST_ROWS} rows.")
        yield row


def _from_csv(text: str) -> Rows:
    rows = table_cells.table(text)
    try:
        names = [table_cells.header(cell) for cell in next(rows, [])]
        check_headings(names)
        if not {"id", "sha256", *NAMES} & {*names}:
            raise _wrong("it needs a column file_name, id or sha256.")
        for n, cells in enumerate(rows, 2):
            if any(cell.strip() for cell in cells):
                yield _refusing(n, _of_cells, names, cells)
    except csv.Error as error:
        raise _wrong(f"{error}.") from None


def _of_cells(n: int, names: list[str], cells: list[str]) -> Row | Refusal:
    if len(cells) != len(names):
        return Refusal(n, "malformed", f"There are {len(cells)} cells, and {len(names)} headings.")
    told = dict(zip(names, cells, strict=True))
    keys = {name: table_cells.unguarded(told.get(name, "")) for name in ("id", "sha256", *NAMES)}
    return _row(n, keys, changes_of(told))


def _from_json(text: str) -> Rows:
    """Decode one object after the other, so that what is in memory is one row of it."""
    place, n = _after(text, 0, "["), 0
    while not text.startswith("]", place):
        if n:
            place = _after(text, place, ",")
        n += 1
        values, place = _decoded(text, place, n)
        yield _refusing(n, _of_values, values)
    if _space(text, place + 1) != len(text):
        raise _wrong("something follows the list.")


def _after(text: str, place: int, sign: str) -> int:
    if not text.startswith(sign, place := _space(text, place)):
        raise _wrong(f"a JSON table is a list of objects; there is no {sign!r} at character {place + 1}.")
    return _space(text, place + 1)


def _space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place


def _decoded(text: str, place: int, n: int) -> tuple[Any, int]:
    """Return the value at a place, and where what follows it begins."""
    for length in (SHORT_ROW, ROW_LENGTH):
        try:
            value, end = DECODER.raw_decode(text[place : place + length])
        except (ValueError, RecursionError):
            continue
        return value, _space(text, place + end)
    raise _wrong(f"row {n} is not valid JSON, or longer than {ROW_LENGTH} characters.")


def _of_values(n: int, values: Any) -> Row | Refusal:
    if not isinstance(values, dict):
        return Refusal(n, "malformed", "A row is an object.")
    unknown = [name for name in values if name not in KNOWN]
    if unknown:
        return Refusal(n, "unknown_field", f"{unknown[0][:60]}: There is no such field.")
    _check_kept(values)
    keys = {name: "" if (value := values.get(name)) is None else value for name in ("id", "sha256", *NAMES)}
    if not all(isinstance(value, str) for value in keys.values()):
        return Refusal(n, "malformed", "Pictures are named by texts.")
    said = {name: _value(name, values[name]) for name in SAID if values.get(name) is not None}
    return _row(n, keys, ImageChanges(**said))


def _value(name: str, value: Any) -> Any:
    """Return a value of JSON as fields take it. Raises InvalidInput naming the field."""
    if name in {"tags", "taken_at"} and isinstance(value, str):
        return table_cells.words(value) if name == "tags" else table_cells.moment(value)
    kind = {"tags": list, "metadata": dict, "rating": int, "taken_at": str}.get(name, str)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits or (name == "tags" and not all(isinstance(word, str) for word in value)):
        raise InvalidInput.of(name, "This is of another kind than the field.")
    return value


def _check_kept(values: dict[str, Any]) -> None:
    try:
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidInput("The row holds what cannot be kept, such as NaN or half a character.") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput.of("rating", "A whole number.") from None


def _row(n: int, keys: Mapping[str, str], changes: ImageChanges) -> Row | Refusal:
    digest = keys["sha256"].strip().lower()
    name = next((keys[each] for each in NAMES if keys[each].strip()), "")
    if digest and not SHA256.fullmatch(digest):
        raise InvalidInput.of("sha256", "64 signs of 0 to 9 and a to f.")
    if "\x00" in name:
        raise InvalidInput.of("path", "Without null characters.")
    row = Row(n, _id(keys["id"].strip()), digest, table_cells.path_of(name), checked(changes))
    named = row.id or row.sha256 or row.name
    return row if named else Refusal(n, "invalid_input", "Name the picture: by id, sha256 or file_name.")


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidInput.of("id", "This is no id.") from None


def _refusing(n: int, make: Any, *told: Any) -> Row | Refusal:
    """Make a row; what is wrong with it refuses it alone."""
    try:
        made: Row | Refusal = make(n, *told)
    except InvalidInput as error:
        name = next(iter(error.fields), "")
        return Refusal(n, error.code, f"{name}: {error.message}" if name else error.message, name)
    return made


def _wrong(what: str) -> InvalidInput:
    return InvalidInput.of("file", f"The table cannot be used: {what}")
