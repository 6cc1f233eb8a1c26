"""What files say of themselves, read for pictures that were put in before it was kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db.models import Q

from retrieval.errors import RetrievalError
from retrieval.ingest import Part, files, sandbox
from retrieval.models import Collection, Image
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import file_facts

log = structlog.get_logger(__name__)

AT_ONCE = 500
KNOWN_NOTHING = Q(taken_at=None, camera="", latitude=None)


@dataclass(frozen=True)
class Read:
    """How one picture went: whether its file said something new, or could not be read."""

    image: UUID
    changed: bool
    failed: bool = False


def count(within: Collection | None = None) -> int:
    """Count the pictures of which nothing is known that their files might say."""
    return _rows(within).count()


def read(within: Collection | None = None, *, after: UUID | None = None) -> Iterator[Read]:
    """Read the files of those pictures in the order of their ids, from behind ``after`` on, one commit for each.

    Moment, camera and, where the collection keeps it, place are filled in where they are empty; words that people may
    have changed since are left alone. A file that cannot be read is passed over, and named in the log.
    """
    after = after or UUID(int=0)
    while rows := list(_rows(within).filter(pk__gt=after).select_related("collection").order_by("pk")[:AT_ONCE]):
        for image in rows:
            yield _read(image)
        after = rows[-1].pk


def _rows(within: Collection | None) -> ImageQuerySet:
    rows = Image.objects.alive().filter(KNOWN_NOTHING)
    return rows if within is None else rows.filter(collection=within)


def _read(image: Image) -> Read:
    try:
        decoded = sandbox.upload(files.original(image.sha256).read_bytes(), part=Part.of(image))
    except (RetrievalError, OSError) as error:
        log.warning("facts_not_read", image=str(image.pk), reason=str(error))
        return Read(image.pk, changed=False, failed=True)
    told = file_facts.taken(decoded, image.collection)
    found = {name: value for name, value in told.items() if value not in {None, ""}}
    # Not a change by a person: what they did before can still be taken back.
    changed = bool(found) and bool(Image.objects.alive().filter(KNOWN_NOTHING, pk=image.pk).update(**found))
    return Read(image.pk, changed=changed)
