"""Work on pictures one after another, in turns of some seconds, so that what waits behind it has its turn as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID

import structlog
from django.db.models import QuerySet

from retrieval.models import Image
from retrieval.work import ending

log = structlog.get_logger(__name__)

BATCH = 16
SECONDS = 8.0


def take(lacking: Callable[[], QuerySet[Image]], do: Callable[[Image], bool], *, event: str) -> bool:
    """Do it to the pictures that lack it, by their ids, for some seconds; return whether more is left.

    ``do`` commits each picture by itself and returns False for one that is left for a later turn; a turn in which
    nothing was done is not begun again at once. ``event`` is what the log calls what was done.
    """
    done = sum(do(image) for image in _due(lacking, ends=time.monotonic() + SECONDS))
    if done:
        log.info(event, images=done)
    return done > 0 and lacking().exists()


def _due(lacking: Callable[[], QuerySet[Image]], *, ends: float) -> Iterator[Image]:
    after = UUID(int=0)
    while due := list(lacking().filter(pk__gt=after)[:BATCH]):
        for image in due:
            if ending.comes() or time.monotonic() >= ends:
                return
            yield image
        if len(due) < BATCH:
            return  # to ask once more what is lacking reads all that is not
        after = due[-1].pk
