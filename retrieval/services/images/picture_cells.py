"""A picture's fields as values of its JSON and as cells of a table, so that what is written is read back the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta, timezone
from typing import Any

from retrieval.models import Image
from retrieval.services.images import table_cells

PLACE = ("latitude", "longitude")


def taken_at(image: Image) -> str | None:
    """Return the moment with its offset, or without one where that is not known."""
    if image.taken_at is None:
        return None
    if image.taken_offset is None:
        return image.taken_at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return image.taken_at.astimezone(timezone(timedelta(minutes=image.taken_offset))).isoformat()


def value(image: Image, name: str) -> Any:
    """Return a field as its JSON says it."""
    if name == "taken_at":
        return taken_at(image)
    if name == "collection":
        return str(image.collection_id)
    if name == "place":
        place = {each: getattr(image, each) for each in PLACE}
        return None if None in place.values() else place
    found = getattr(image, name)
    return found if isinstance(found, str | int | float | list | dict | None) else str(found)


def cells_of(image: Image, names: Sequence[str]) -> list[Any]:
    """Return fields as cells."""
    return [table_cells.cell(value(image, name)) for name in names]
