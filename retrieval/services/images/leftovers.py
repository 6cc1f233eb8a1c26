"""What an upload leaves in the media folder when its process dies: taken away by itself, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet

from retrieval.ingest import files, store
from retrieval.models import Image
from retrieval.services.images import archives, purging

# Half of what the audit allows, so that it finds nothing where this runs.
AGE = 1_800  # seconds


def sweep() -> int:
    """Remove what broken-off uploads left aside or put in place without a row; return how many files were aside.

    Only what such an upload is known to have put in place goes. Any other file without a row is left to the audit and
    its operator: after a step back to an older database it may be the only copy of a picture.
    """
    left = sorted(unclaimed(AGE), key=files.batch_of)
    return sum(_remove(list(batch)) for _, batch in groupby(left, key=files.batch_of))


def unclaimed(seconds: float) -> Iterator[Path]:
    """Files that have lain aside for so long and are not an archive that waits to be taken apart."""
    awaited = archives.awaited()
    return (path for path in files.left_behind(seconds=seconds) if path.name not in awaited)


def _remove(left: list[Path]) -> int:
    """Remove the files of one broken-off upload, while nobody can be about to need the same original."""
    targets = [target for path in left if (target := files.placed(path))]
    with transaction.atomic():
        if not purging.may_purge():
            return 0
        store.lock(target.name for target in targets if files.is_original(target))
        files.remove(_without_row(targets))
        files.remove(left)
    return len(left)


def _without_row(targets: Iterable[Path]) -> list[Path]:
    return [target for target in targets if not _rows(target).exists()]


def _rows(target: Path) -> QuerySet[Image]:
    """The pictures, deleted ones too, that need this original or thumbnail."""
    owner = files.image_id(target)
    return Image.objects.filter(pk=owner) if owner else Image.objects.filter(sha256=target.name)
