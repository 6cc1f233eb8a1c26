"""Lists cut into pages: what comes after the last picture that was shown, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from retrieval.models import Image

PAGE = 60
NEWEST, TAKEN = "newest", "taken"
# By which column, and whether the largest comes first; the id decides between equals.
ORDERS = {
    NEWEST: ("created_at", True),
    "oldest": ("created_at", False),
    TAKEN: ("moment", True),
    "taken_first": ("moment", False),
    "name": ("title", False),
    "largest": ("bytes", True),
    "smallest": ("bytes", False),
}


@dataclass(frozen=True)
class Page:
    """Some pictures of a list in its order, and the id to ask for the next ones with (None at the end)."""

    images: list[Image]
    after: UUID | None


def page(images: QuerySet[Image], *, order: str = NEWEST, after: UUID | None = None) -> Page:
    """Return the next pictures after the one named; an unknown id starts anew. Skips nothing while others are added."""
    column, largest_first = ORDERS[order]
    sign, side = ("-", "lt") if largest_first else ("", "gt")
    ordered = images.order_by(f"{sign}{column}", f"{sign}id")
    last = images.filter(pk=after).values_list(column, "id").first() if after else None
    if last:
        value, image_id = last
        ordered = ordered.filter(Q(**{f"{column}__{side}": value}) | Q(**{column: value, f"id__{side}": image_id}))
    found = list(ordered[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)
