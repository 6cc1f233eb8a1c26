"""The words that people put on a picture: what is accepted, and how a file name becomes a title."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from retrieval.errors import InvalidInput
from retrieval.models.bounds import (
    CAPTION_LENGTH,
    GROUP_LENGTH,
    MOST_STARS,
    MOST_TAGS,
    PATH_LENGTH,
    TAG_LENGTH,
    TITLE_LENGTH,
    URL_LENGTH,
)

LENGTHS = {"title": TITLE_LENGTH, "caption": CAPTION_LENGTH, "group_key": GROUP_LENGTH, "source_url": URL_LENGTH,
           "path": PATH_LENGTH}  # fmt: skip
# What pictures' names end with, read here or not.
ENDINGS = {f".{ending}" for ending in (
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif", "heic", "heif",
    "jxl", "jp2", "svg", "pdf", "dcm", "zip", "mp4", "m4v", "mov", "3gp", "webm", "mkv", "avi", "mpg", "mpeg", "mts",
)}  # fmt: skip
# Zero width non-joiner and joiner: Persian, Hindi and emoji are written with them.
JOINERS = "\u200c\u200d"
METADATA_BYTES = 65_536
_is_web_address = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True)
class ImageChanges:
    """What to write; None leaves a field as it is."""

    title: str | None = None
    caption: str | None = None
    tags: Iterable[str] | None = None
    group_key: str | None = None
    source_url: str | None = None
    metadata: Mapping[str, Any] | None = None
    path: str | None = None
    taken_at: datetime | None = None
    rating: int | None = None


def checked(changes: ImageChanges) -> dict[str, Any]:
    """Return the columns to write. Raises InvalidInput naming the field that is out of bounds."""
    given = {field.name: getattr(changes, field.name) for field in fields(changes)}
    columns: dict[str, Any] = {name: _text(name, given[name]) for name in LENGTHS if given[name] is not None}
    if columns.get("source_url"):
        _check_address(columns["source_url"])
    if changes.tags is not None:
        columns["tags"] = _tags(changes.tags)
    if changes.metadata is not None:
        columns["metadata"] = _metadata(changes.metadata)
    if changes.taken_at is not None:
        columns |= taken(changes.taken_at)
    if changes.rating is not None:
        columns["rating"] = _rating(changes.rating)
    return columns


def taken(moment: datetime) -> dict[str, Any]:
    """Return the columns of the moment when a picture was taken; without an offset it is kept as if in UTC.

    Raises InvalidInput for one that no calendar here holds.
    """
    offset = moment.utcoffset()
    if offset is None:
        return {"taken_at": moment.replace(tzinfo=UTC), "taken_offset": None}
    try:
        return {"taken_at": moment.astimezone(UTC), "taken_offset": round(offset.total_seconds() / 60)}
    except OverflowError:
        raise InvalidInput.of("taken_at", "In UTC this is before the year 1 or after 9999.") from None


def _rating(value: int) -> int:
    if not 0 <= value <= MOST_STARS:
        raise InvalidInput.of("rating", f"A whole number from 0 to {MOST_STARS}.")
    return value


def shown_name(name: str) -> str:
    """Return a file name as display text: no folders, no control or direction signs, at most 300 characters."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = (sign for sign in base if sign in JOINERS or not unicodedata.category(sign).startswith("C"))
    return unicodedata.normalize("NFC", "".join(kept)).strip()[: LENGTHS["title"]]


def title_of(name: str) -> str:
    """Make a title of a file name by dropping the ending of a picture: a dot in a name is no ending."""
    shown = PurePosixPath(shown_name(name))
    return shown.stem if shown.suffix.lower() in ENDINGS else shown.name


def _text(name: str, value: str) -> str:
    value = unicodedata.normalize("NFC", value)
    if len(value) > LENGTHS[name] or "\x00" in value:
        raise InvalidInput.of(name, f"At most {LENGTHS[name]} characters, without null characters.")
    return value


def _check_address(value: str) -> None:
    try:
        _is_web_address(value)
    except ValidationError as error:
        raise InvalidInput.of("source_url", "A web address starts with http:// or https://.") from error


def _tags(values: Iterable[str]) -> list[str]:
    tags = list(dict.fromkeys(unicodedata.normalize("NFC", tag.strip()) for tag in values if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > TAG_LENGTH or "\x00" in tag for tag in tags):
        raise InvalidInput.of("tags", f"At most {MOST_TAGS} tags of at most {TAG_LENGTH} characters.")
    return tags


def _metadata(value: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(dict(value))
    if len(text) > METADATA_BYTES or "\\u0000" in text:
        raise InvalidInput.of("metadata", f"At most {METADATA_BYTES} bytes of JSON, without null characters.")
    return dict(value)
