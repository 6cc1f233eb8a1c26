"""Cells of tables about pictures: how spreadsheets write them, and how a value is kept from being run as a formula."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from retrieval.errors import InvalidInput

DELIMITERS = ",;\t"
# How a text begins that a spreadsheet would run. Apostrophes before it are counted in, so that one more of them can be
# taken off again without doubt.
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Between words in one cell: the commas of English and of Chinese.
COMMAS = re.compile("[,\uff0c\u3001]")
MOMENT = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?"
)
# What people call columns, beside the names of fields.
HEADERS = {
    "file": "file_name", "filename": "file_name", "文件": "file_name", "文件名": "file_name", "文件名称": "file_name",
    "名称": "name", "路径": "path", "编号": "id", "标题": "title", "说明": "caption", "描述": "caption", "标签": "tags",
    "关键词": "tags", "keywords": "tags", "group": "group_key", "分组": "group_key", "组": "group_key",
    "source": "source_url", "来源": "source_url", "来源网址": "source_url", "元数据": "metadata",
    "拍摄时间": "taken_at", "拍摄日期": "taken_at", "评分": "rating", "星级": "rating", "相机": "camera",
}  # fmt: skip


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run; ``unguarded`` takes it off."""
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Take off the apostrophe that ``guarded`` puts, or that somebody put by hand for the same reason."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def path_of(name: str) -> str:
    """Return a file's path as tables are asked for it."""
    path = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return path.removeprefix("./")


def header(text: str) -> str:
    """Return the field that a column's heading means: its name in any writing, or a word for it."""
    name = "_".join(text.strip().lower().replace("-", " ").split())
    return HEADERS.get(name, name)


def decoded(data: bytes) -> str:
    """Return the text of a table as spreadsheets save it: UTF-8, UTF-16 with its mark, or GB 18030.

    The last one fits almost any bytes; it is believed only where the first row then has a heading in Chinese that is
    known. Raises ValueError.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    names = re.split(f"[{DELIMITERS}]", text.partition("\n")[0])
    if not any(HEADERS.get(name.strip().strip('"')) for name in names if not name.isascii()):
        raise ValueError("The writing is not known.")
    return text


def table(text: str) -> Iterator[list[str]]:
    """Yield the rows of a table, the headings first; the first row tells what divides the cells. Raises csv.Error."""
    head = text.partition("\n")[0]
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True)


def lines(rows: Sequence[Sequence[Any]]) -> str:
    """Write rows as lines of CSV; texts that a spreadsheet would run are guarded."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([guarded(each) if isinstance(each, str) else each for each in row] for row in rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return a field's value as a cell: a list of words with commas where that is clear, else JSON; empty for none."""
    if isinstance(value, list) and not any(COMMAS.search(word) or word.startswith("[") for word in value):
        return ",".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return "" if value is None else value


def words(text: str) -> Sequence[str]:
    """Read a cell of words: commas between them, or a JSON list. Raises InvalidInput (tags)."""
    if not text.startswith("["):
        return tuple(COMMAS.split(text))
    value = parsed("tags", text)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise InvalidInput.of("tags", "A list of words.")
    return tuple(value)


def mapping(text: str) -> dict[str, Any]:
    """Read a cell that holds a JSON object. Raises InvalidInput (metadata)."""
    value = parsed("metadata", text)
    if not isinstance(value, dict):
        raise InvalidInput.of("metadata", "A JSON object.")
    return value


def parsed(name: str, text: str) -> Any:
    """Decode JSON; what the database does not keep is refused by the column's name."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidInput.of(name, "This is not valid JSON.") from None
    return value


def moment(text: str) -> datetime:
    """Read a date, or a date with a time and perhaps an offset, as files and spreadsheets write them.

    Raises InvalidInput (taken_at).
    """
    found = MOMENT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        year, month, day, hour, minute, second, part, offset = found.groups()
        date = f"{year}-{int(month):02}-{int(day):02}"
        time = f"{int(hour or 0):02}:{minute or '00'}:{second or '00'}{part or ''}"
        return datetime.fromisoformat(f"{date}T{time}{offset or ''}")
    except ValueError:
        raise InvalidInput.of("taken_at", "A moment such as 2019-07-04 or 2019-07-04T12:30:00+02:00.") from None
