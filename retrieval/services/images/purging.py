"""Remove for good what has been in the trash for its time: rows, vectors, jobs, files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import inf

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.ingest import files, store
from retrieval.models import Collection, Image

BATCH = 200
# Any number that nobody else uses: the purge holds it for itself, a backup together with other backups.
PURGE_LOCK = 0x70757267


def purge_deleted(*, seconds: float = inf) -> int:
    """Remove pictures and collections past their time, for about so many seconds; returns how many pictures.

    Each batch commits by itself. A crash between rows and files leaves files that the audit names.
    """
    before, removed, ends = kept_since(), 0, time.monotonic() + seconds
    while time.monotonic() < ends and (batch := _purge_batch(before)):
        removed += batch
    overdue_collections(before).delete()
    return removed


def more_to_purge() -> bool:
    """Tell whether pictures are past their time in the trash, and may be removed now."""
    with transaction.atomic():
        return may_purge() and overdue(kept_since()).exists()


def overdue(before: datetime) -> QuerySet[Image]:
    """Pictures that were deleted before that, alone or with their collection."""
    # By their ids, so that the database looks at these few and not at every picture.
    collections = list(Collection.objects.filter(deleted_at__lte=before).values_list("pk", flat=True))
    return Image.objects.filter(Q(deleted_at__lte=before) | Q(collection__in=collections))


def overdue_collections(before: datetime) -> QuerySet[Collection]:
    """Empty collections that were deleted before that."""
    return Collection.objects.filter(deleted_at__lte=before, images=None)


@contextmanager
def paused() -> Iterator[None]:
    """Keep every file where it is for as long as this lasts; what is deleted meanwhile is purged afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [PURGE_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [PURGE_LOCK])


def may_purge() -> bool:
    """Hold the lock of those who remove files until the transaction ends; False while a backup reads them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PURGE_LOCK])
        return bool(cursor.fetchone()[0])


def _purge_batch(before: datetime) -> int:
    with transaction.atomic():
        if not may_purge():
            return 0
        due = overdue(before).order_by().select_for_update(skip_locked=True, of=("self",))
        images = list(due.only("pk", "sha256")[:BATCH])
        rows = Image.objects.filter(pk__in=[image.pk for image in images])
        store.release_usage(rows)
        rows.delete()
    sizes = conf.get().thumbnail_sizes
    files.remove(files.thumbnail(image.pk, image.sha256, size=size) for image in images for size in sizes)
    _remove_originals({image.sha256 for image in images})
    return len(images)


def _remove_originals(digests: set[str]) -> None:
    """Remove the originals that no row needs; whoever is about to need one waits for the digest's lock."""
    with transaction.atomic():
        store.lock(digests)
        needed = set(Image.objects.filter(sha256__in=digests).values_list("sha256", flat=True))
        files.remove(files.original(digest) for digest in digests - needed)


def kept_since() -> datetime:
    """Return the moment since which what was deleted is kept; where there is no trash, some seconds for an undo."""
    bounds = conf.get()
    return timezone.now() - max(timedelta(days=bounds.trash_days), timedelta(seconds=bounds.ledger.undo))
