"""Which pictures may be copies of one: the same bytes, a fingerprint, corners or a vector nearly the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction

from retrieval.matching import LocalFeatures, QueryPicture, copy_keys
from retrieval.models import CopyKeys, Encoder, Image
from retrieval.search import neighbours

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

NEAR_COPY = 31  # bits of 256 in which the fingerprints of near copies differ at most
NEAREST, ALIKE = 8, 0.8  # by vector, and their least cosine

# Each key is looked up by itself. Asked for any of them at once, the planner takes it that a third of all have one,
# and compares the keys of all with these; to count what is shared, all keys of whoever has one would be read.
# Materialized: else it counts bits once to filter and again to sort.
BY_PRINT = """
WITH near AS MATERIALIZED (
    SELECT image.id, (SELECT min(bit_count(image.pdq # turned)) FROM unnest(%s::bit(256)[]) AS turned) AS apart
    FROM (
        SELECT DISTINCT image_id FROM unnest(%s::int[]) AS asked(piece)
        CROSS JOIN LATERAL (SELECT image_id FROM retrieval_copykeys WHERE prints @> ARRAY[piece] OFFSET 0) AS owner
        WHERE image_id <> %s
    ) AS sharing
    CROSS JOIN LATERAL (
        SELECT id, pdq, collection_id FROM retrieval_image WHERE id = sharing.image_id OFFSET 0
    ) AS image
    WHERE image.pdq IS NOT NULL AND (%s::uuid[] IS NULL OR image.collection_id = ANY(%s::uuid[]))
)
SELECT id FROM near WHERE apart <= %s ORDER BY apart, id LIMIT %s"""
BY_CORNERS = """
SELECT image_id FROM (
    SELECT image_id, count(*) AS shared FROM unnest(%s::bigint[]) AS asked(corner)
    CROSS JOIN LATERAL (SELECT image_id FROM retrieval_copykeys WHERE corners @> ARRAY[asked.corner] OFFSET 0) AS owner
    WHERE image_id <> %s GROUP BY image_id HAVING count(*) >= %s
) near JOIN retrieval_image image ON image.id = image_id
WHERE %s::uuid[] IS NULL OR image.collection_id = ANY(%s::uuid[]) ORDER BY shared DESC, image_id LIMIT %s"""
BY_INDEX = "SET LOCAL enable_seqscan = off"


Homes = Sequence[UUID] | None
"""The collections where candidates are looked for; None: wherever there are any."""


@dataclass(frozen=True)
class Among:
    """Where a scan looks: these collections, in which these are the nearest by vector."""

    collections: Sequence[UUID]
    near: Sequence[UUID]


def keep_keys(image: Image, seen: QueryPicture | None) -> None:
    """Write down a picture's keys, committed before its copies are looked for: of two at once, one finds the other.

    A picture that is gone meanwhile gets none.
    """
    row = CopyKeys(
        image=image,
        prints=copy_keys.of_print(image.pdq or ""),
        corners=_corners(seen, copy_keys.of_corners) if seen else [],
        with_details=seen is not None,
    )
    said = ["prints", "corners", "with_details", "looked_at"]
    with transaction.atomic():
        if Image.objects.select_for_update(no_key=True).filter(pk=image.pk).exists():
            CopyKeys.objects.bulk_create([row], update_conflicts=True, unique_fields=["image"], update_fields=said)


def known_already(image: Image, *, user: Viewer) -> list[tuple[Image, bool]]:
    """Return pictures that this person sees and that are the same file, or look the same by their fingerprint.

    The bool tells which, the same file first. It is what can be told at once, before anything is compared in detail.
    """
    seen = Image.objects.visible_to(user).exclude(pk=image.pk)
    same = list(seen.filter(sha256=image.sha256, page=image.page).order_by("pk")[: copy_keys.MOST])
    with _by_index():
        near = _by_print(image, apart=NEAR_COPY)
    others = seen.filter(pk__in=near).exclude(sha256=image.sha256, page=image.page).order_by("pk")
    return [*((each, True) for each in same), *((each, False) for each in others)]


def candidates(image: Image, seen: QueryPicture | None, *, among: Among | None = None) -> list[UUID]:
    """Return the pictures that are worth comparing in detail, whoever may see them, the likeliest first.

    Those in the trash too, apart from what only their vector would tell: what is brought back has its pairs. Pages of
    one document are no copies of each other, however alike they are.
    """
    same = Image.objects.filter(sha256=image.sha256, page=image.page).exclude(pk=image.pk).order_by("pk")
    homes = among.collections if among else None
    with _by_index():
        near = [*_by_print(image, homes=homes), *(_by_corners(image, seen, homes=homes) if seen else ())]
    found: Iterable[UUID] = (
        *(same if homes is None else same.filter(collection__in=homes)).values_list("pk", flat=True),
        *near,
        *(among.near if among else _by_vector(image)),
    )
    pages = Image.objects.filter(document=image.document) if image.document else Image.objects.none()
    own = set(pages.values_list("pk", flat=True))
    return [pk for pk in dict.fromkeys(found) if pk not in own]


def _by_print(image: Image, *, apart: int = copy_keys.NEAR, homes: Homes = None) -> list[UUID]:
    if not image.pdq:
        return []
    turned, within = copy_keys.turns(image.pdq), _list(homes)
    return _ids(BY_PRINT, [turned, copy_keys.asked_prints(turned), image.pk, within, within, apart, copy_keys.MOST])


def _corners(seen: QueryPicture, keys: Callable[[LocalFeatures], list[int]]) -> list[int]:
    """The keys of a picture and of what may stand in it."""
    return sorted({key for features in (seen.whole, *(part for _, part in seen.parts)) for key in keys(features)})


def _by_corners(image: Image, seen: QueryPicture, *, homes: Homes = None) -> list[UUID]:
    asked, within = _corners(seen, copy_keys.asked_corners), _list(homes)
    if not asked:
        return []
    return _ids(BY_CORNERS, [asked, image.pk, copy_keys.LEAST_SHARED, within, within, copy_keys.MOST])


def _by_vector(image: Image) -> list[UUID]:
    encoder = Encoder.objects.active()
    return neighbours(encoder, image.pk, k=NEAREST, min_score=ALIKE) if encoder else []


@contextlib.contextmanager
def _by_index() -> Iterator[None]:
    """Use indexes for what is asked meanwhile: of a small table the planner would read all rows for each key."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(BY_INDEX)
        yield


def _list(homes: Homes) -> list[UUID] | None:
    return None if homes is None else list(homes)


def _ids(statement: str, values: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [pk for (pk,) in cursor.fetchall()]
