"""What a picture's file says of itself, within bounds: when and where it was taken, by what, and in which words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_CAMERA, MOST_TITLE, MOST_CAPTION, MOST_KEYWORDS, MOST_KEYWORD = 200, 300, 5_000, 100, 100
FIRST_YEAR, LAST_YEAR = 1800, 2200


@dataclass(frozen=True)
class Facts:
    """Nothing of it need be there.

    ``taken_at`` is ISO 8601, local time where the file names no offset. ``place`` is latitude and longitude in degrees.
    """

    taken_at: str = ""
    camera: str = ""
    place: tuple[float, float] | None = None
    title: str = ""
    caption: str = ""
    keywords: tuple[str, ...] = ()

    @property
    def moment(self) -> datetime | None:
        """When it was taken."""
        return datetime.fromisoformat(self.taken_at) if self.taken_at else None


NOTHING = Facts()


def read(said: Mapping[str, Any]) -> Facts:
    """Take facts from a message. Raises ValueError, TypeError or LookupError for what cannot be facts."""
    place = said["place"]
    found = Facts(
        taken_at=_text(said["taken_at"], most=40),
        camera=_text(said["camera"], most=MOST_CAMERA),
        place=None if place is None else (float(place[0]), float(place[1])),
        title=_text(said["title"], most=MOST_TITLE),
        caption=_text(said["caption"], most=MOST_CAPTION),
        keywords=tuple(_text(word, most=MOST_KEYWORD) for word in said["keywords"]),
    )
    if len(found.keywords) > MOST_KEYWORDS or not _is_on_earth(found.place):
        raise ValueError("out of bounds")
    if (moment := found.moment) and not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError("out of time")
    return found


def bounded(found: Facts) -> Facts:
    """Hold what was read to the bounds that the other side holds it to."""
    try:
        return read({**vars(found), "keywords": list(found.keywords)})
    except (ValueError, TypeError, LookupError):
        return Facts(title=found.title, caption=found.caption, keywords=found.keywords)


def camera(make: str, model: str) -> str:
    """Make and model; many models begin with their make."""
    make, model = (cleaned(text, most=100) for text in (make, model))
    named = model.casefold().startswith(make.casefold().split(" ")[0]) if make else True
    return model if named and model else f"{make} {model}".strip()


def _text(value: Any, *, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or not cleaned(value, most=most) == value:
        raise ValueError("no text")
    return value


def cleaned(value: str, *, most: int) -> str:
    """Return a text without control signs other than line ends, and without halves of signs, at most so long."""
    kept = "".join(sign for sign in value if sign == "\n" or (sign.isprintable() and not "\ud800" <= sign <= "\udfff"))
    return kept.strip()[:most].strip()


def _is_on_earth(place: tuple[float, float] | None) -> bool:
    return place is None or (all(map(math.isfinite, place)) and abs(place[0]) <= 90 and abs(place[1]) <= 180)
