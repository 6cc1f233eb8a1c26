"""Lists cut into pages: what comes after the last picture that was shown."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from retrieval.models import Image

PAGE = 60


@dataclass(frozen=True)
class Page:
    """Some pictures of a list, newest first, and the id to ask for the next ones with (None at the end)."""

    images: list[Image]
    after: UUID | None


def newest(images: QuerySet[Image], *, after: UUID | None = None) -> Page:
    """Return the next pictures after the one named; an unknown id starts anew. Skips nothing while others are added."""
    ordered = images.order_by("-created_at", "-id")
    last = images.filter(pk=after).values_list("created_at", "id").first() if after else None
    if last:
        at, image_id = last
        ordered = ordered.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=image_id))
    found = list(ordered[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)
