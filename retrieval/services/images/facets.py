"""By what a collection can be narrowed, with counts: tags, groups and cameras of its newest pictures, and months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from django.db.models import Count
from django.db.models.functions import TruncMonth

from retrieval.models import Collection, Image
from retrieval.services.images import browse
from retrieval.services.images.browse import Tag

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


@dataclass(frozen=True)
class Facets:
    """The most frequent first, 24 of each at most; months newest first, as ``2019-07``, all of them."""

    tags: Sequence[Tag]
    groups: Sequence[Tag]
    cameras: Sequence[Tag]
    months: Sequence[Tag]


def of_collection(collection: Collection, *, user: Viewer) -> Facets:
    """Return the facets of a collection that this person sees; each is one query.

    Tags, groups and cameras are counted among the newest 20,000 pictures.
    """
    return Facets(
        tags=browse.tags(user, within=collection),
        groups=browse.groups(user, within=collection),
        cameras=browse.cameras(user, within=collection),
        months=months(collection),
    )


def months(collection: Collection) -> list[Tag]:
    """Return the months, in UTC, in which pictures were taken, or came where that is not known; newest first."""
    images = Image.objects.alive().filter(collection=collection).order_by()
    found = images.annotate(month=TruncMonth("moment", tzinfo=UTC)).values("month").annotate(count=Count("*"))
    return [Tag(f"{row['month']:%Y-%m}", row["count"]) for row in found.order_by("-month")]
