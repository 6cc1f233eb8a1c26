"""What is put away by itself every half minute: trash, leftovers, old keys, changes of counts, what sources drop."""

from __future__ import annotations

from retrieval.services.images import bulk_undo, idempotency, image_counts, images, leftovers, purging, thumbnails
from retrieval.services.operations import long_work
from retrieval.services.sources import keeping

SECONDS, DIGESTS_AT_ONCE = 5.0, 1_000  # of one turn


def put_away() -> bool:
    """Remove for good what has been in the trash for its time, leftovers of broken-off uploads, and old keys.

    What is past its source's time goes into the trash. Return whether more is to be removed.
    """
    keeping.expire(seconds=SECONDS)
    images.purge_deleted(seconds=SECONDS)
    leftovers.sweep()
    long_work.tidy()
    idempotency.forget_old()
    bulk_undo.forget_old()
    image_counts.fold()
    thumbnails.note_digests(limit=DIGESTS_AT_ONCE, seconds=SECONDS)
    return purging.more_to_purge()
