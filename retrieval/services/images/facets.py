"""By what a collection can be narrowed, with counts: tags, groups, cameras and months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from django.db.models import Count
from django.db.models.functions import TruncMonth

from retrieval.models import Collection, CountKind
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import browse, image_counts
from retrieval.services.images.browse import Tag

MOST_MONTHS = 10_000


@dataclass(frozen=True)
class Facets:
    """The most frequent first, 24 of each at most; months newest first, as ``2019-07``, all of them."""

    tags: Sequence[Tag]
    groups: Sequence[Tag]
    cameras: Sequence[Tag]
    months: Sequence[Tag]


SHOWN = {
    CountKind.TAG: browse.TAGS,
    CountKind.GROUP: browse.TAGS,
    CountKind.CAMERA: browse.TAGS,
    CountKind.MONTH: MOST_MONTHS,
}


def of_collection(collection: Collection) -> Facets:
    """Return the facets of a collection, which the caller has found visible; one statement, however large it is."""
    found = image_counts.largest(collection.pk, most=SHOWN)
    tags, groups, cameras, by_month = ([Tag(*row) for row in found[kind]] for kind in SHOWN)
    return Facets(tags, groups, cameras, sorted(by_month, key=lambda tag: tag.name, reverse=True))


def months(images: ImageQuerySet) -> list[Tag]:
    """Return the months, in UTC, in which pictures were taken, or came where that is not known; newest first."""
    found = (
        images.order_by().annotate(month=TruncMonth("moment", tzinfo=UTC)).values("month").annotate(count=Count("*"))
    )
    return [Tag(f"{row['month']:%Y-%m}", row["count"]) for row in found.order_by("-month")]
