"""Celery tasks: ids in, one service call, nothing else; PostgreSQL knows what is to be done, messages only wake."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Literal

import structlog
from celery import Task, shared_task
from celery.signals import celeryd_init, worker_process_init, worker_shutting_down
from django.db import InterfaceError, connections, transaction
from django.db import OperationalError as DatabaseAway

from retrieval import live_encoders
from retrieval.errors import Unavailable, WeightsError
from retrieval.models import LongJob, Way
from retrieval.services.copies import looking
from retrieval.services.encoders import encoders as encoder_life
from retrieval.services.encoders import indexes
from retrieval.services.operations import clocks, long_work, status, upkeep
from retrieval.services.people import accounts, letter_sending, sessions
from retrieval.services.sources import reading
from retrieval.services.watching import deliveries, sharpening, trying, watches
from retrieval.work import derived, ending, features, jobs, leases, long_jobs, messages, neighbourhoods, regions, texts
from retrieval.worker_start import require_originals, require_weights

log = structlog.get_logger(__name__)

# Upkeep comes before any number of pictures: the broker hands out the low numbers first. Messages that only wake end by
# themselves, so that those which send themselves again stay few; the reconciler wakes whoever is needed after that.
BEHIND = 9
MESSAGE_SECONDS = 300
NIGHT = timedelta(hours=20)  # asked for each night and at each start, done once
Changed = Literal["images", "documents", "failed", "encoders", "indexes", "trash", "watches", "letters", "sources"]


def wake(task: Task, *args: uuid.UUID | str) -> None:
    """Queue a task once the caller's transaction is committed; a broker that is away or hangs only costs time."""
    transaction.on_commit(lambda: messages.send_beside(task, args))


def wake_for(changed: Changed) -> None:
    """Wake whoever has work by what an edge has just changed, so that no edge has to know which tasks those are."""
    tasks = {"images": (embed,), "documents": (embed, reconcile), "failed": (embed, derive), "encoders": (reconcile,)}
    tasks |= {"indexes": (care_for_indexes,), "trash": (purge,), "watches": (look_back,), "letters": (deliver,)}
    tasks |= {"sources": (read_sources,)}
    for task in tasks[changed]:
        wake(task)


for first in (ending.begin, require_originals, require_weights):
    celeryd_init.connect(first)


@worker_process_init.connect
def load_encoder(**_: Any) -> None:
    """Load the network in the child, as torch hangs when it is forked; each task tries again what fails now.

    Then show the first sign of life, so that a site that has just come up need not wait for its first task.
    The connection to the database goes back to its pool: under one in use, Celery closes the file number, and then the
    next owner of that number, such as the broker, is sent our queries.
    """
    try:
        live_encoders.active()
        _beat()
    except (Unavailable, WeightsError) as error:
        log.error("encoder_unusable", code=error.code, reason=error.message)
    except (DatabaseAway, InterfaceError) as error:
        log.warning("database_away", reason=str(error).strip())
    finally:
        connections.close_all()


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def embed(image_id: str | None = None) -> None:
    """Embed this picture and whatever else is due."""
    if image_id and not jobs.is_due(uuid.UUID(image_id)):
        return  # another message's batch had it
    _beat()
    try:
        jobs.embed(uuid.UUID(image_id) if image_id else None)
    except (WeightsError, Unavailable) as error:
        log.error("encoder_unusable", code=error.code, reason=error.message)
    except (DatabaseAway, InterfaceError) as error:
        log.warning("database_away", reason=str(error).strip())
    else:
        _send_alerts()
        messages.send(embed if jobs.more_due() else find_copies)


@shared_task
def reconcile() -> None:
    """Put right what was lost, and wake the workers for what is due."""
    _beat()
    for image_id in jobs.reconcile():
        messages.send(embed, (image_id,))
    if features.lacking().exists() or regions.lacking().exists() or looking.lacking().exists():
        messages.send(find_copies)
    lines = ((read_words, texts.waiting), (derive, derived.waiting), (care_for_indexes, neighbourhoods.waiting))
    for task in (task for task, waits in (*lines, (read_sources, reading.is_due)) if waits()):
        messages.send(task)
    for name, pk in long_work.next_up():
        messages.send(long_job, (name, pk))
    watches.refresh()
    _send_alerts()
    if trying.waiting().exists() or sharpening.waiting().exists():
        messages.send(look_back)


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def find_copies() -> None:
    """Find local features and regions for the collections that keep them, then copies of the pictures that came in."""
    _beat()
    try:
        if features.work() or regions.work() or looking.work():
            messages.send(find_copies)
        elif texts.waiting():
            messages.send(read_words)
    except (Unavailable, WeightsError) as error:
        log.error("copies_put_off", code=error.code, reason=error.message)


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def read_words() -> None:
    """Read the words on pictures for the collections that have them read."""
    _beat()
    if texts.work():
        messages.send(read_words)


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def look_back() -> None:
    """Sharpen watches by what was said of their alerts, and have watches look at older pictures."""
    _beat()
    if sharpening.work() or trying.backfill():
        messages.send(look_back)
    _send_alerts()


@shared_task(soft_time_limit=None, time_limit=None, expires=MESSAGE_SECONDS)
def deliver(way: str = "") -> None:
    """Send alerts this way, else letters; who is slow keeps no picture waiting, as this is for the long workers."""
    ending.watch()
    if deliveries.send_due(Way(way)) if way else letter_sending.send_due():
        messages.send(deliver, (way,))


@shared_task(soft_time_limit=None, time_limit=None, expires=MESSAGE_SECONDS)
def read_sources() -> None:
    """Read for some seconds what is due of the sources; what came in is embedded."""
    ending.watch()
    if reading.read_due():
        messages.send(read_sources)
    messages.send(embed)


def _send_alerts() -> None:
    for way in (*deliveries.ways_due(), *letter_sending.ways_due()):
        messages.send(deliver, (way,))


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def derive() -> None:
    """Compute vectors that follow from stored ones."""
    _beat()
    if derived.work():
        messages.send(derive)


@shared_task
def purge() -> None:
    """Put away what is past its time.

    What takes longer is gone on with by another message, so that pictures that wait to be embedded have their turn.
    """
    if upkeep.put_away():
        messages.send(purge)


@shared_task(soft_time_limit=None, time_limit=None)
def care_for_indexes() -> None:
    """Smooth vectors; build the indexes worth it by now, mend broken ones, drop those of no encoder; look at times."""
    ending.watch()
    clocks.set_right()
    indexes.care()


@shared_task(soft_time_limit=None, time_limit=None)
def guard_recall() -> None:
    """Compare approximate with exact answers and keep the figure."""
    ending.watch()
    if status.take_turn("guard_recall", every=NIGHT):
        indexes.guard()


@shared_task(soft_time_limit=None, time_limit=None)
def drop_expired() -> None:
    """Drop retired encoders that nobody went back to, sessions that are over, and old addresses in the trail."""
    ending.watch()
    if status.take_turn("drop_expired", every=NIGHT):
        encoder_life.drop_expired()
        sessions.SessionStore.clear_expired()
        accounts.forget_old()


@shared_task
def set_times_right() -> None:
    """Put right what a clock that was ahead wrote down."""
    clocks.set_right()


@shared_task(soft_time_limit=None, time_limit=None)
def long_job(name: str, pk: str) -> None:
    """Work on a row of this kind of long work for one turn, then begin the next in line.

    Whatever it breaks off for is written on the row, which would else be taken for running. Its worker is one process
    with threads, in which Celery's time limits do not act: the kind's own do.
    """
    ending.watch()
    kind = long_work.KINDS[name]
    try:
        done = long_jobs.run(kind, uuid.UUID(pk))
    except Exception as error:
        log.exception("long_job_broke_off", kind=name, row=pk)
        long_jobs.break_off(kind, uuid.UUID(pk), error)
        return
    messages.send(embed)
    for following in long_jobs.next_up(kind)[:1] if done else []:
        messages.send(long_job, (name, following))


def wake_long_job(row: LongJob) -> None:
    """Wake the worker for long work once the row is committed."""
    wake(long_job, long_work.kind_of(row).name, row.pk)


@worker_shutting_down.connect
def say_that_the_end_comes(**_: Any) -> None:
    """Nothing but flags: this runs in the handler of the signal, in the midst of anything."""
    ending.say()


def _beat() -> None:
    status.beat(leases.worker_name(), kind="worker", detail={"runtime": live_encoders.runtime_name()})
