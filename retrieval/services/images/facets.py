"""By what a collection can be narrowed, with counts: tags, groups and cameras of its newest pictures, and months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncMonth

from retrieval.models import Collection, Image
from retrieval.services.images import browse
from retrieval.services.images.browse import Tag

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer
    from retrieval.models.images import ImageQuerySet


@dataclass(frozen=True)
class Facets:
    """The most frequent first, 24 of each at most; months newest first, as ``2019-07``, all of them."""

    tags: Sequence[Tag]
    groups: Sequence[Tag]
    cameras: Sequence[Tag]
    months: Sequence[Tag]


# Read once, and counted in three ways. ``newest`` are tags, group_key and camera of the pictures that count.
COUNTED = """WITH looked_at AS MATERIALIZED ({newest})
    (SELECT 'tags', tag, count(*) FROM looked_at, unnest(tags) AS tag GROUP BY tag ORDER BY 3 DESC, 2 LIMIT {most})
    UNION ALL (SELECT 'groups', group_key, count(*) FROM looked_at WHERE group_key <> '' GROUP BY 2 ORDER BY 3 DESC, 2
        LIMIT {most})
    UNION ALL (SELECT 'cameras', camera, count(*) FROM looked_at WHERE camera <> '' GROUP BY 2 ORDER BY 3 DESC, 2
        LIMIT {most})"""


def of_collection(collection: Collection, *, user: Viewer) -> Facets:
    """Return the facets of a collection that this person sees; two statements.

    Tags, groups and cameras are counted among the newest 20,000 pictures.
    """
    newest = Image.objects.visible_to(user).filter(collection=collection).order_by("-created_at", "-id")
    sql, values = newest.values("tags", "group_key", "camera")[: browse.LOOKED_AT].query.sql_with_params()
    found: dict[str, list[Tag]] = {"tags": [], "groups": [], "cameras": []}
    with connection.cursor() as cursor:
        cursor.execute(COUNTED.format(newest=sql, most=browse.TAGS), values)
        for kind, name, count in cursor.fetchall():
            found[kind].append(Tag(name, count))
    return Facets(**found, months=months(Image.objects.alive().filter(collection=collection)))


def months(images: ImageQuerySet) -> list[Tag]:
    """Return the months, in UTC, in which pictures were taken, or came where that is not known; newest first."""
    found = (
        images.order_by().annotate(month=TruncMonth("moment", tzinfo=UTC)).values("month").annotate(count=Count("*"))
    )
    return [Tag(f"{row['month']:%Y-%m}", row["count"]) for row in found.order_by("-month")]
