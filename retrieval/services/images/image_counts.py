"""How many living pictures there are, of collections and of what narrows them: kept by triggers, not counted anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BigIntegerField, Expression, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from retrieval.models import Collection, CountKind, ImageCount, ImageCountChange

NOTHING = Value(0, output_field=BigIntegerField())
# Names that changed since are few; the largest of the others are read in order from the index.
LARGEST = """
WITH changed AS MATERIALIZED (
    SELECT kind, name, sum(images) AS images FROM retrieval_imagecountchange WHERE collection_id = %(collection)s
        GROUP BY 1, 2),
counted AS (
    SELECT changed.kind, changed.name, changed.images + coalesce(kept.images, 0) AS images
        FROM changed LEFT JOIN retrieval_imagecount AS kept
        ON kept.collection_id = %(collection)s AND kept.kind = changed.kind AND kept.name = changed.name
    UNION ALL SELECT asked.kind, largest.name, largest.images
        FROM unnest(%(kinds)s::text[], %(mosts)s::int[]) AS asked (kind, most), LATERAL (
            SELECT name, images FROM retrieval_imagecount
            WHERE collection_id = %(collection)s AND kind = asked.kind
                AND (kind, name) NOT IN (SELECT kind, name FROM changed)
            ORDER BY images DESC, name LIMIT asked.most) AS largest)
SELECT kind, name, images FROM counted WHERE images > 0 AND kind = ANY(%(kinds)s) ORDER BY images DESC, name
"""
ACROSS = """
WITH counted AS (
    SELECT name, sum(images) AS images FROM (
        SELECT name, images FROM retrieval_imagecount WHERE kind = %s AND collection_id IN ({within})
        UNION ALL
        SELECT name, images FROM retrieval_imagecountchange WHERE kind = %s AND collection_id IN ({within})) AS summed
    GROUP BY 1 HAVING sum(images) > 0)
SELECT name, images FROM (SELECT *, row_number() OVER (ORDER BY images DESC, name) AS place FROM counted) AS ranked
WHERE place <= %s OR name = ANY(%s) ORDER BY place
"""
# One at a time: two would wait for each other's rows, and the second finds nothing left to do.
ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('retrieval_imagecount'), 0)"
FOLD = """
WITH taken AS (DELETE FROM retrieval_imagecountchange RETURNING collection_id, kind, name, images)
INSERT INTO retrieval_imagecount AS kept (collection_id, kind, name, images)
    SELECT collection_id, kind, name, sum(images) FROM taken GROUP BY 1, 2, 3 HAVING sum(images) <> 0
ON CONFLICT (collection_id, kind, name) DO UPDATE SET images = kept.images + EXCLUDED.images
"""
EMPTIED = "DELETE FROM retrieval_imagecount WHERE images = 0"
# What is kept and what is there, in one statement, so that those who write meanwhile do not matter.
DIFFERENCE = """
WITH alive AS MATERIALIZED (
    SELECT collection_id, moment, camera, group_key, tags FROM retrieval_image WHERE deleted_at IS NULL),
there AS (
    SELECT collection_id, 'all' AS kind, '' AS name, count(*) AS images FROM alive GROUP BY 1
    UNION ALL SELECT collection_id, 'month', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM'), count(*) FROM alive
        GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'camera', camera, count(*) FROM alive WHERE camera <> '' GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'group', group_key, count(*) FROM alive WHERE group_key <> '' GROUP BY 1, 3
    UNION ALL SELECT collection_id, 'tag', tag, count(*)
        FROM alive, LATERAL (SELECT DISTINCT tag FROM unnest(tags) AS tag) AS each GROUP BY 1, 3
    UNION ALL SELECT collection_id, kind, name, -images FROM retrieval_imagecount
    UNION ALL SELECT collection_id, kind, name, -images FROM retrieval_imagecountchange)
SELECT collection_id, kind, name, sum(images) FROM there GROUP BY 1, 2, 3 HAVING sum(images) <> 0
"""
RECOUNT = f"INSERT INTO retrieval_imagecountchange (collection_id, kind, name, images) {DIFFERENCE}"


class Counted(NamedTuple):
    """A name, and how many living pictures of a collection have it."""

    name: str
    images: int


def of_collection(kind: CountKind = CountKind.ALL, name: str = "") -> Expression:
    """Return how many living pictures the collection of the outer query has, all or those of a name."""
    wanted = {"collection": OuterRef("pk"), "kind": kind, "name": name}
    kept = ImageCount.objects.filter(**wanted).values("images")
    changed = ImageCountChange.objects.filter(**wanted).values("kind").annotate(n=Sum("images")).values("n")
    return Coalesce(Subquery(kept), NOTHING) + Coalesce(Subquery(changed, output_field=BigIntegerField()), NOTHING)


def total(*, within: QuerySet[Collection] | None = None) -> int:
    """Return how many living pictures there are, in all collections, also the deleted, or in these."""
    rows = Collection.objects.all() if within is None else within
    return rows.aggregate(n=Sum(of_collection()))["n"] or 0


def named(collection_id: UUID, kind: CountKind, name: str = "") -> int:
    """Return how many living pictures a collection has, all or those of this month, tag, group or camera."""
    rows = Collection.objects.filter(pk=collection_id)
    return rows.values_list(of_collection(kind, name), flat=True).first() or 0


def largest(collection_id: UUID, *, most: Mapping[CountKind, int]) -> dict[CountKind, list[Counted]]:
    """Return so many names of each kind that most living pictures of a collection have, the most frequent first."""
    values: dict[str, Any] = {"collection": collection_id, "kinds": list(most), "mosts": list(most.values())}
    found: dict[CountKind, list[Counted]] = {kind: [] for kind in most}
    with connection.cursor() as cursor:
        cursor.execute(LARGEST, values)
        for kind, name, images in cursor.fetchall():
            found[CountKind(kind)].append(Counted(name, int(images)))
    return {kind: rows[: most[kind]] for kind, rows in found.items()}


def across(collections: QuerySet[Collection], kind: CountKind, *, most: int, keep: Sequence[str] = ()) -> list[Counted]:
    """Return so many names that most living pictures of these collections have, and those to keep, by frequency."""
    sql, values = collections.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(ACROSS.format(within=sql), [kind, *values, kind, *values, most, list(keep)])
        return [Counted(name, int(images)) for name, images in cursor.fetchall()]


def fold() -> None:
    """Take what changed into what is kept, so that readers have less to sum up."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ALONE)
        if cursor.fetchone()[0]:
            cursor.execute(FOLD)
            cursor.execute(EMPTIED)


def miscounted() -> set[UUID]:
    """Return the collections of which something is counted wrongly."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCE)
        return {row[0] for row in cursor.fetchall()}


def recount() -> None:
    """Put every count right, whoever writes meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT)
