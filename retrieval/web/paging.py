"""Lists cut into pages: what comes after the last picture that was shown, or from any place on, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from retrieval.models import Image

PAGE = 60
NEWEST, TAKEN, TAKEN_FIRST = "newest", "taken", "taken_first"
# By which column, and whether the largest comes first; the id decides between equals.
ORDERS = {
    NEWEST: ("created_at", True),
    "oldest": ("created_at", False),
    TAKEN: ("moment", True),
    TAKEN_FIRST: ("moment", False),
    "name": ("title", False),
    "largest": ("bytes", True),
    "smallest": ("bytes", False),
}


@dataclass(frozen=True)
class Page:
    """Some pictures of a list in its order, and the id to ask for the next ones with (None at the end)."""

    images: list[Image]
    after: UUID | None


@dataclass(frozen=True)
class Place:
    """Where in a list to look: the first of these that is said, and still known."""

    near: UUID | None = None  # the page in which this picture is
    at: int | None = None  # how many stand before
    after: UUID | None = None
    moment: datetime | None = None  # in an order by moments: where those beyond it begin


def page(images: QuerySet[Image], *, order: str = NEWEST, after: UUID | None = None, at: int = 0) -> Page:
    """Return the next pictures after the one named, which skips nothing while others are added.

    Where none is named, or it is in the list no more, return those from the rank ``at`` on.
    """
    last = _key(images, order=order, image_id=after)
    if last:
        found = list(_ordered(images, order).filter(_beyond(order, last))[: PAGE + 1])
    else:  # ids alone are passed over: what else is shown of a picture would be computed for each
        ids = list(_ordered(images, order).values_list("id", flat=True)[at : at + PAGE + 1])
        rows = {image.id: image for image in images.filter(pk__in=ids)}
        found = [rows[image_id] for image_id in ids if image_id in rows]
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def first(images: QuerySet[Image], *, order: str, place: Place) -> int:
    """Return how many pictures of a list stand before a place in it."""
    near = _key(images, order=order, image_id=place.near)
    if near:
        return images.filter(_before(order, near)).count() // PAGE * PAGE
    if place.at is not None:
        return place.at
    after = _key(images, order=order, image_id=place.after)
    if after:
        return images.filter(_before(order, after)).count() + 1
    return _rank(images, order=order, moment=place.moment) if place.moment else 0


def within(first: int, *, total: int) -> int:
    """Return the place; where it lies beyond the end of so many pictures, that of their last page."""
    return first if first < total else max(total - 1, 0) // PAGE * PAGE


Key = tuple[object, UUID | None]  # value of the order's column, and id


def _rank(images: QuerySet[Image], *, order: str, moment: datetime) -> int:
    """Return how many stand before a moment; where none follows, that is the place of the last one."""
    before = _before(order, (moment, None))
    count = images.filter(before).count()
    return count if images.exclude(before).exists() else max(count - 1, 0)


def _ordered(images: QuerySet[Image], order: str) -> QuerySet[Image]:
    column, largest_first = ORDERS[order]
    sign = "-" if largest_first else ""
    return images.order_by(f"{sign}{column}", f"{sign}id")


def _key(images: QuerySet[Image], *, order: str, image_id: UUID | None) -> Key | None:
    return images.filter(pk=image_id).values_list(ORDERS[order][0], "id").first() if image_id else None


def _beyond(order: str, key: Key) -> Q:
    column, largest_first = ORDERS[order]
    return _side(column, "lt" if largest_first else "gt", key)


def _before(order: str, key: Key) -> Q:
    column, largest_first = ORDERS[order]
    return _side(column, "gt" if largest_first else "lt", key)


def _side(column: str, side: str, key: Key) -> Q:
    """Keep what lies on one side of a key. Said of the column alone as well, by which an index is entered there."""
    value, image_id = key
    if image_id is None:
        return Q(**{f"{column}__{side}": value})
    equals = Q(**{f"id__{side}": image_id})
    return Q(**{f"{column}__{side}e": value}) & (Q(**{f"{column}__{side}": value}) | equals)
