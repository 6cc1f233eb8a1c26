"""The audit of rows: digests of pictures, what waits for a day that never comes or is overdue, lost archives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from retrieval.ingest import store
from retrieval.models import GOING, ArchiveImport, Image, ImageDigest, LongJobState
from retrieval.services.images import purging
from retrieval.services.images.archives import is_there
from retrieval.services.operations import clocks
from retrieval.services.operations.findings import SHOWN, Finding

WITHOUT_DIGEST = """SELECT i.id, i.sha256, i.collection_id FROM retrieval_image i
    JOIN retrieval_collection c ON c.id = i.collection_id
    LEFT JOIN retrieval_imagedigest d ON d.collection_id = i.collection_id AND d.sha256 = i.sha256
    WHERE i.deleted_at IS NULL AND c.deleted_at IS NULL AND i.page = 1 AND d.image_id IS DISTINCT FROM i.id LIMIT %s"""
WRONG_DIGEST = """SELECT d.image_id, i.id IS NULL OR i.deleted_at IS NOT NULL FROM retrieval_imagedigest d
    LEFT JOIN retrieval_image i ON i.id = d.image_id WHERE i.id IS NULL OR i.deleted_at IS NOT NULL
    OR i.sha256 <> d.sha256 OR i.page > 1 OR i.collection_id <> d.collection_id LIMIT %s"""
DIGEST_CODES = frozenset({"digest_missing", "digest_dangling", "digest_wrong"})
AHEAD_CODES = frozenset({"job_far_ahead", "work_far_ahead", "deleted_far_ahead"})


def digests() -> Iterator[Finding]:
    """Each living picture has the digest by which its bytes are known, and each digest its living picture."""
    for image, dangling in _rows(WRONG_DIGEST):
        if dangling:
            yield Finding("digest_dangling", str(image), "Its bytes are taken for known, but the picture is gone.")
        else:
            yield Finding("digest_wrong", str(image), "The digest is not that of the picture and its collection.")
    for image, sha256, collection in _rows(WITHOUT_DIGEST):
        other = Image.objects.alive().filter(sha256=sha256, collection=collection, page=1).exclude(pk=image)
        if ImageDigest.objects.filter(collection=collection, sha256=sha256, image__in=other).exists():
            yield Finding("same_picture_twice", str(image), "The collection has two pictures of the same bytes.")
        else:
            yield Finding("digest_missing", str(image), "The same bytes could be put in again.")


def times() -> Iterator[Finding]:
    """Nothing waits for a time that no right clock will show soon, and what was deleted is gone in time."""
    for each in clocks.far_ahead():
        for pk in each.rows.values_list("pk", flat=True)[:SHOWN]:
            yield Finding(each.code, _name(pk), f"{each.column} is far ahead: a clock was wrong.")
    if not _backup_is_made():
        before = purging.kept_since() - clocks.SLACK
        for row in purging.overdue(before)[:SHOWN]:
            yield Finding("purge_overdue", str(row.pk), "The picture was deleted long ago and is still here.")
        for collection in purging.overdue_collections(before)[:SHOWN]:
            yield Finding("purge_overdue", str(collection.pk), "The collection was deleted long ago and is still here.")


def archives() -> Iterator[Finding]:
    """Each archive that waits to be taken apart is there."""
    for row in _without_archive()[:SHOWN]:
        yield Finding("archive_missing", str(row.pk), "The archive waits to be taken apart but its file is gone.")


def mend_digests() -> None:
    """Make the digests anew that are missing or wrong, holding them as uploads do."""
    for image, _ in _rows(WRONG_DIGEST):
        ImageDigest.objects.filter(image_id=image).delete()
    for image, sha256, collection in _rows(WITHOUT_DIGEST):
        with transaction.atomic():
            store.lock([sha256])
            if Image.objects.alive().filter(pk=image, collection=collection).exists():
                row = ImageDigest(collection_id=collection, sha256=sha256, image_id=image)
                ImageDigest.objects.bulk_create([row], ignore_conflicts=True)


def end_lost_archives() -> int:
    """Say on each archive whose file is gone that it cannot be gone on with; return how many."""
    lost = [row.pk for row in _without_archive()]
    return ArchiveImport.objects.filter(pk__in=lost, state__in=GOING).update(
        state=LongJobState.FAILED, error_code="archive_missing", error_text="The archive is not there any more.",
        worker="", lease_token=None, finished_at=timezone.now(), file="",
    )  # fmt: skip


def _backup_is_made() -> bool:
    """While one reads files nothing is purged, and that is as it should be."""
    with transaction.atomic():
        return not purging.may_purge()


def _without_archive() -> list[ArchiveImport]:
    """Those whose file is gone; asked once more, as one that ends meanwhile takes its file away."""
    gone = [row.pk for row in ArchiveImport.objects.filter(state__in=GOING) if not _has_file(row)]
    return [row for row in ArchiveImport.objects.filter(pk__in=gone, state__in=GOING) if not _has_file(row)]


def _has_file(row: ArchiveImport) -> bool:
    return is_there(row)


def _name(pk: Any) -> str:
    """An id as people read it; the parts of one that has several."""
    return " by ".join(map(str, pk)) if isinstance(pk, tuple) else str(pk)


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [SHOWN])
        return list(cursor.fetchall())
