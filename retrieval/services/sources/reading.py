"""Sources are read when they are due: one reading of each at a time, batch by batch, and put off while it fails."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from retrieval.errors import RetrievalError, TooMany, Unavailable
from retrieval.ingest import store
from retrieval.models import Role, Source, SourceFile, SourceImage, SourceKind
from retrieval.models.sources import REFUSALS_KEPT
from retrieval.services.images import collections, imports
from retrieval.services.people import posting, rights
from retrieval.services.sources import folders, snapshots
from retrieval.work import leases, long_jobs

log = structlog.get_logger(__name__)

WORK_SECONDS = 8.0  # of one task
TURN_SECONDS = 5.0  # of one source, what has a decoder by then apart
WAKE_SECONDS = 1.0
SILENT = timedelta(minutes=2)
SOON = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
MOST_DOUBLINGS = 16
# What passes by itself: it is tried again soon, and is no failure of the source.
PASSING = ("decoder_unavailable", "decoders_busy", "fetchers_busy", "rate_limited", "decoding_used_up")
BROKE_OFF = RetrievalError("Reading it broke off; the log says more.", code="unexpected")
# So many threads of a worker read; the others are for long jobs.
_lanes = [threading.Lock(), threading.Lock()]
_here: set[uuid.UUID] = set()


class LostError(Exception):
    """Another worker has the source, or it was removed meanwhile."""


@dataclass
class Reading:
    """One turn at a source: until when, which files of its folder are on their way, whether it was seen to its end.

    ``unsettled``: files were left for the next time, as they may still be being written.
    """

    source: Source
    ends: float
    on_their_way: dict[str, folders.Found] = field(default_factory=dict)
    seen_whole: bool = False
    unsettled: bool = False

    @property
    def over(self) -> bool:
        """Whether it is another's turn."""
        return time.monotonic() >= self.ends or long_jobs.stopping.is_set()


def due() -> QuerySet[Source]:
    """What is to be read now."""
    wanted = Q(active=True) | Q(asked=True)
    return Source.objects.filter(wanted, due_at__lte=timezone.now(), collection__deleted_at=None)


def is_due() -> bool:
    """Tell whether something is to be read now."""
    return due().exists()


def read_due() -> bool:
    """Read what is due for some seconds; return whether there may be more."""
    ends = time.monotonic() + WORK_SECONDS
    lane = next((each for each in _lanes if not each.locked()), None)
    with posting.unless_taken(lane) if lane else nullcontext(enter_result=False) as mine:
        while mine and (source := claim()):
            read(source)
            if time.monotonic() >= ends:
                return True
    return False


def claim() -> Source | None:
    """Take the source that is due longest, unless its person has another one read just now."""
    with transaction.atomic():
        _hold()
        busy = {row.user_id for row in Source.objects.exclude(worker="") if _is_held(row)}
        rows = due().exclude(user__in=busy).select_for_update(skip_locked=True, of=("self",))
        source = rows.select_related("user", "collection").order_by("due_at").first()
        if source is None or long_jobs.stopping.is_set():
            return None
        source.worker, source.lease_token, source.heartbeat_at = leases.worker_name(), uuid.uuid4(), timezone.now()
        source.save(update_fields=["worker", "lease_token", "heartbeat_at"])
        _here.add(source.pk)
    return source


def read(source: Source) -> None:
    """Read a claimed source for one turn, and write down how that ended."""
    seconds = TURN_SECONDS if source.kind == SourceKind.FOLDER else math.inf  # of a camera there is one picture
    reading, ended = Reading(source, time.monotonic() + seconds), _failed(source, BROKE_OFF)
    try:
        ended = _read_well(reading) if _read(reading) else {"due_at": timezone.now()}
    except LostError:
        log.info("source_lost", source=str(source.pk))
    except RetrievalError as error:
        log.warning("source_failed", source=str(source.pk), code=error.code)
        ended = _failed(source, error)
    finally:
        _end(source, **ended)
        _here.discard(source.pk)


def _read(reading: Reading) -> bool:
    """Put in what is new, until the turn is over; return whether that was all. Raises as ``imports.finish``."""
    source = reading.source
    _require(source)
    place = store.Place(source.collection, source.user, imports.PRIORITY_BULK)
    intake, cut = imports.Intake(_files(reading), place=place), False
    for batch in intake:
        _wait(batch, reading=reading, intake=intake)
        _put_in(batch, place=place, reading=reading)
        cut = cut or batch.cut_off
    return reading.seen_whole and not cut


def _wait(batch: imports.Batch, *, reading: Reading, intake: imports.Intake) -> None:
    """Wait until the batch is decoded, under a sign of life; at the end of the turn nothing more is begun."""
    while waiting := batch.waits_for:
        if reading.over:
            intake.cut()
        wait(waiting, timeout=WAKE_SECONDS)
        _note(reading.source)
    if reading.over:
        intake.cut()


def _require(source: Source) -> None:
    """Raise unless whoever set it up may still do so: their rights may be others by now."""
    with transaction.atomic():
        collections.acting(source.collection_id, user=source.user, role=Role.MANAGER)
    if source.kind == SourceKind.FOLDER:
        rights.require(source.user, rights.Right.SOURCE_FOLDERS, to="have folders of the server read")


def _files(reading: Reading) -> Iterator[imports.Source]:
    """Yield what is new: the files of a folder, or the one picture that a camera shows."""
    source = reading.source
    if source.kind == SourceKind.ADDRESS:
        yield snapshots.read(source, now=timezone.now())
        reading.seen_whole = True
        return
    folder = folders.permitted(source.place)
    for found in folders.changed(source, folder, sign=partial(_note, source)):
        if not folders.is_settled(found, now=time.time()):
            reading.unsettled = True
            continue
        reading.on_their_way[found.shown] = found
        yield folders.read(found, folder)
    reading.seen_whole = True


def _put_in(batch: imports.Batch, *, place: store.Place, reading: Reading) -> None:
    """Keep what of a batch is new, with what is known of its files, in one commit, while it is ours to."""
    source = reading.source
    with transaction.atomic():
        collections.acting(source.collection_id, user=source.user, role=Role.MANAGER)
        if not _held(source).select_for_update(no_key=True).first():
            raise LostError
        outcomes = imports.finish(batch, place=place)
        new = [each.image for each in outcomes if each.created and each.image]
        SourceImage.objects.bulk_create(SourceImage(image=row, source=source, as_of=row.updated_at) for row in new)
        _note_files(outcomes, reading=reading)
        _count(source, outcomes)
    if source.kind == SourceKind.ADDRESS and outcomes and (refused := outcomes[0].error):
        raise refused


def _note_files(outcomes: list[imports.Outcome], *, reading: Reading) -> None:
    """Write down that these files need not be read again, but those whose trouble may pass."""
    done = [each for each in outcomes if each.error is None or each.error.code not in PASSING]
    files = [reading.on_their_way[each.name] for each in done if each.name in reading.on_their_way]
    rows = [SourceFile(source=reading.source, key=found.key, stamp=found.stamp) for found in files]
    SourceFile.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["source", "key"], update_fields=["stamp"]
    )
    for each in outcomes:
        reading.on_their_way.pop(each.name, None)


def _count(source: Source, outcomes: list[imports.Outcome]) -> None:
    at = timezone.now().isoformat(timespec="seconds")
    refused = [
        {"name": each.name, "code": each.error.code, "message": each.error.message, "at": at}
        for each in outcomes
        if each.error
    ]
    source.refusals = [*reversed(refused), *source.refusals][:REFUSALS_KEPT]
    taken = sum(each.created for each in outcomes)
    _held(source).update(
        taken=F("taken") + taken,
        refused=F("refused") + len(refused),
        known=F("known") + len(outcomes) - len(refused) - taken,
        refusals=source.refusals,
    )


def _read_well(reading: Reading) -> dict[str, Any]:
    now, every = timezone.now(), timedelta(minutes=reading.source.every_minutes)
    due_at = now + (min(every, SOON) if reading.unsettled else every)
    cleared = {"failures": 0, "error_code": "", "error_text": "", "asked": False}
    return {**cleared, "last_read_at": now, "due_at": due_at}


def _failed(source: Source, error: RetrievalError) -> dict[str, Any]:
    """Return what to write: why, and when it is tried again, later with each failure."""
    why = {"error_code": error.code, "error_text": error.message}
    if isinstance(error, TooMany | Unavailable) and error.code in PASSING:
        return {**why, "due_at": timezone.now() + SOON}
    return {**why, "asked": False, "failures": source.failures + 1, "due_at": timezone.now() + gap(source)}


def gap(source: Source) -> timedelta:
    """Return how long a source that failed once more is left alone: its own time, doubled with each failure before."""
    every = timedelta(minutes=source.every_minutes)
    return max(every, min(LONGEST_WAIT, every * int(2 ** min(source.failures + 1, MOST_DOUBLINGS))))


def _end(source: Source, **fields: Any) -> None:
    """Write how the turn ended, if it is still ours: one whose source was changed meanwhile says nothing of it."""
    _held(source).update(**fields, worker="", lease_token=None)


def _note(source: Source) -> None:
    """Give a sign of life."""
    _held(source).update(heartbeat_at=timezone.now())


def _held(source: Source) -> QuerySet[Source]:
    return Source.objects.filter(pk=source.pk, lease_token=source.lease_token)


def _hold() -> None:
    """Until the transaction ends nobody else takes a source: two of one person would be read at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('sources', 0))")


def _is_held(row: Source) -> bool:
    """Tell whether a worker is at it; what this very process is at, it knows by itself."""
    if row.worker == leases.worker_name():
        return row.pk in _here
    return not leases.is_lost(row.worker, row.heartbeat_at, silence=SILENT)
