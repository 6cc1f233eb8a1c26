"""The statements of an act on many pictures: one for all of them, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from retrieval.models import BulkAct, BulkImage, Image
from retrieval.models.images import ImageQuerySet

MOST_SHOWN = 1_000  # of what was refused

TAKE = """
INSERT INTO retrieval_bulkimage (act_id, image_id, collection, before, refused)
SELECT %s, c.id, c.collection_id, c.before, c.refused FROM ({}) c
"""
LOCK = """
SELECT count(*) FROM (
    SELECT 1 FROM retrieval_image i JOIN retrieval_bulkimage b ON b.image_id = i.id
    WHERE b.act_id = %s AND b.refused = '' ORDER BY i.id FOR NO KEY UPDATE OF i) locked
"""
REFUSE = """
UPDATE retrieval_bulkimage b SET refused = CASE
    WHEN i.updated_at <> %(at)s THEN 'image_changed'
    WHEN NOT i.collection_id = ANY(%(seen)s) OR NOT b.collection = ANY(%(seen)s) THEN 'not_found'
    WHEN NOT i.collection_id = ANY(%(held)s) OR NOT b.collection = ANY(%(held)s) THEN 'forbidden'
    ELSE '' END
FROM retrieval_image i WHERE b.act_id = %(act)s AND b.refused = '' AND i.id = b.image_id
"""
CLAIM = """
INSERT INTO retrieval_imagedigest (collection_id, sha256, image_id)
SELECT coalesce(%(goal)s, b.collection), i.sha256, i.id
FROM retrieval_bulkimage b JOIN retrieval_image i ON i.id = b.image_id
WHERE b.act_id = %(act)s AND b.refused = '' AND i.page = 1 ORDER BY i.id
ON CONFLICT DO NOTHING
"""
CLAIMED_ALREADY = """
UPDATE retrieval_bulkimage b SET refused = 'same_picture'
FROM retrieval_image i
WHERE b.act_id = %(act)s AND b.refused = '' AND i.id = b.image_id AND i.page = 1 AND NOT EXISTS (
    SELECT 1 FROM retrieval_imagedigest d
    WHERE d.collection_id = coalesce(%(goal)s, b.collection) AND d.sha256 = i.sha256 AND d.image_id = i.id)
"""
# The row type tells how each column is read from JSON.
PUT_BACK = """
UPDATE retrieval_image i SET updated_at = %(now)s, ({columns}) = ROW({values})
FROM retrieval_bulkimage b, LATERAL jsonb_populate_record(NULL::retrieval_image, b.before) was
WHERE b.act_id = %(act)s AND b.refused = '' AND i.id = b.image_id
"""


@dataclass(frozen=True)
class Access:
    """The collections that a person sees, and those in which they may change pictures."""

    seen: Sequence[UUID]
    held: Sequence[UUID]


def take(act: BulkAct, rows: ImageQuerySet, *, most: int) -> int:
    """Lock pictures in the order of their ids and write down what is before; return how many, ``most`` + 1 at most.

    ``rows`` are annotated with ``before`` (JSON) and ``refused`` (a code or an empty text).
    """
    marked: QuerySet[Any] = rows
    locked = marked.order_by("pk").values("id", "collection_id", "before", "refused").select_for_update(no_key=True)
    try:
        statement, values = locked[: most + 1].query.sql_with_params()
    except EmptyResultSet:  # the ORM sees that nothing can pass
        return 0
    return _run(TAKE.format(statement), [act.pk, *values])


def taken(act: BulkAct) -> QuerySet[BulkImage]:
    """Return the pictures of an act that were not refused."""
    return BulkImage.objects.filter(act=act, refused="")


def images(act: BulkAct) -> ImageQuerySet:
    """Return the same as pictures."""
    return Image.objects.filter(pk__in=taken(act).values("image_id"))


def forget_refused(act: BulkAct) -> None:
    """Drop what the act left out, so that what is refused from now on is told alone."""
    BulkImage.objects.filter(act=act).exclude(refused="").delete()


def lock(act: BulkAct) -> None:
    """Lock the pictures of an act in the order of their ids."""
    _run(LOCK, [act.pk])


def refuse(act: BulkAct, access: Access) -> None:
    """Refuse what was changed since the act, and what this person may not change any more."""
    _run(REFUSE, {"act": act.pk, "at": act.at, "seen": list(access.seen), "held": list(access.held)})


def claim_digests(act: BulkAct, goal: UUID | None = None) -> None:
    """Write down that ``goal`` (None: where each was) has these bytes; refuse a picture whose bytes it has already.

    The caller holds the collections alone, which stands for a lock of each digest.
    """
    values = {"act": act.pk, "goal": goal}
    _run(CLAIM, values)
    _run(CLAIMED_ALREADY, values)


def put_back(act: BulkAct, now: datetime) -> None:
    """Write what was before."""
    names = [connection.ops.quote_name(name) for name in act.columns]
    values = ", ".join(f"was.{name}" for name in names)
    _run(PUT_BACK.format(columns=", ".join(names), values=values), {"act": act.pk, "now": now})


def refusals(act: BulkAct) -> tuple[list[tuple[UUID, str]], int]:
    """Return the first pictures that were refused, each with its code, and how many there are."""
    rows = BulkImage.objects.filter(act=act).exclude(refused="").order_by("image_id")
    return list(rows.values_list("image_id", "refused")[:MOST_SHOWN]), rows.count()


def unknown(act: BulkAct, ids: Iterable[UUID]) -> list[UUID]:
    """Return those of the ids that are no picture of the act."""
    return sorted(set(ids) - set(BulkImage.objects.filter(act=act).values_list("image_id", flat=True)))


def places(act: BulkAct) -> list[UUID]:
    """Return the collections in which pictures of an act were and are."""
    found = taken(act).aggregate(
        were=ArrayAgg("collection", distinct=True, default=[]),
        are=ArrayAgg("image__collection", distinct=True, default=[]),
    )
    return sorted({*found["were"], *found["are"]})


def _run(statement: str, values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
