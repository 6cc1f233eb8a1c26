"""Thumbnails of kept pictures: what their digests should be, and how they are made again from the original."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from uuid import UUID

import structlog
from django.db import transaction

from retrieval import conf
from retrieval.errors import RetrievalError
from retrieval.ingest import Part, files, fingerprint, sandbox
from retrieval.models import Image

log = structlog.get_logger(__name__)

JPEG_BEGINS, JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"


def is_whole_jpeg(data: bytes) -> bool:
    """Does this begin and end as a JPEG does? All that can be told of a thumbnail whose digest is not known."""
    return data.startswith(JPEG_BEGINS) and data.endswith(JPEG_ENDS)


def note_digests(*, limit: int, seconds: float = math.inf) -> int:
    """Keep the digests of thumbnails that were made before digests were kept; return of how many pictures.

    It ends after so many seconds: on a slow machine a thousand commits would keep the worker from all else.

    What lies there is taken for right. One that is missing or no whole JPEG gets none, which the audit names.
    """
    rows = list(Image.objects.filter(thumbnail_digests__isnull=True).order_by("pk").values_list("pk", "sha256")[:limit])
    ends, done = time.monotonic() + seconds, 0
    for pk, sha256 in rows:
        if time.monotonic() > ends:
            break
        found = fingerprint.thumbnail_digests(_there(pk, sha256))
        Image.objects.filter(pk=pk, thumbnail_digests__isnull=True).update(thumbnail_digests=found)
        done += 1
    return done


def make_again(image_ids: Iterable[UUID]) -> int:
    """Decode originals once more and put new thumbnails in place, one commit for each; return how many pictures.

    One whose original is missing or cannot be decoded is left as it is.
    """
    return sum(_make(image_id) for image_id in set(image_ids))


def _make(image_id: UUID) -> bool:
    image = Image.objects.alive().filter(pk=image_id).first()
    try:
        decoded = sandbox.upload(files.original(image.sha256).read_bytes(), part=Part.of(image)) if image else None
    except (RetrievalError, OSError) as error:
        log.warning("thumbnails_not_made", image=str(image_id), reason=str(error))
        return False
    if image is None or decoded is None:
        return False
    targets = {files.thumbnail(image.pk, image.sha256, size=size): data for size, data in decoded.thumbnails.items()}
    with files.staged(targets) as staged, transaction.atomic():
        # Held, so that the purge does not remove the picture before its thumbnails are in place, and leave them behind.
        rows = Image.objects.alive().filter(pk=image.pk)
        if not rows.select_for_update(no_key=True).exists():
            return False
        files.place(staged)
        rows.update(thumbnail_digests=fingerprint.thumbnail_digests(decoded.thumbnails))
    return True


def _there(image_id: UUID, sha256: str) -> dict[int, bytes]:
    """The thumbnails of a picture that lie there and are whole: long side -> bytes."""
    paths = {size: files.thumbnail(image_id, sha256, size=size) for size in conf.get().thumbnail_sizes}
    found = {size: path.read_bytes() for size, path in paths.items() if path.is_file()}
    return {size: data for size, data in found.items() if is_whole_jpeg(data)}
