"""Celery tasks: ids in, one service call, nothing else; PostgreSQL knows what is to be done, messages only wake."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from celery import Task, shared_task
from celery.signals import celeryd_init, worker_process_init, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db import OperationalError as DatabaseAway
from kombu.exceptions import OperationalError

from retrieval import live_encoders, weight_files
from retrieval.errors import RetrievalError, Unavailable, WeightsError
from retrieval.models import Compression, Encoder, Evaluation, TrainingRun
from retrieval.services.encoders import compressions, indexes, training
from retrieval.services.encoders import encoders as encoder_life
from retrieval.services.evaluation import evaluations
from retrieval.services.images import archives, idempotency, images, leftovers, lines, purging, thumbnails
from retrieval.services.operations import clocks, status
from retrieval.services.people import accounts, sessions
from retrieval.work import derived, jobs, leases

log = structlog.get_logger(__name__)

# Messages of requests are sent beside them, one at a time: a broker that hangs keeps nobody waiting. The same message
# is not sent again while it waits, nor more often than this, so that a worker finds a batch and not one picture each
# time. What is too many is not sent; the reconciler finds the work all the same.
MESSAGES_WAITING = 8
PAUSE_BETWEEN_MESSAGES = 0.15  # seconds
# Upkeep comes before any number of pictures: the broker hands out the low numbers first. Messages that only wake end by
# themselves, so that those which send themselves again stay few; the reconciler wakes whoever is needed after that.
BEHIND = 9
MESSAGE_SECONDS = 300
NIGHT = timedelta(hours=20)  # asked for each night and at each start, done once
PURGE_SECONDS = 5.0  # of one task
DIGESTS_AT_ONCE = 1_000  # pictures
_sender = ThreadPoolExecutor(1, thread_name_prefix="send")
_waiting: set[tuple[Any, ...]] = set()
_lock = threading.Lock()


def wake(task: Task, *args: uuid.UUID | str) -> None:
    """Queue a task once the caller's transaction is committed; a broker that is away or hangs only costs time."""
    transaction.on_commit(lambda: _send(task, args))


def wait_until_sent() -> None:
    """Wait for the messages in hand: a command that ends takes its broker along."""
    _sender.submit(lambda: None).result()


def _send(task: Task, args: tuple[uuid.UUID | str, ...]) -> None:
    """Hand the message to the sender, and do not wait for it."""
    message = (task, *args)
    with _lock:
        if message in _waiting:
            return
        if len(_waiting) >= MESSAGES_WAITING:
            log.warning("message_not_sent", task=task.name, error="too many wait already")
            return
        _waiting.add(message)
    _sender.submit(_send_now, task, args)


def _send_now(task: Task, args: tuple[uuid.UUID | str, ...]) -> None:
    """Send, then pause. What is committed from now on needs another message: this one may be read at once."""
    with _lock:
        _waiting.discard((task, *args))
    _publish(task, args)
    time.sleep(PAUSE_BETWEEN_MESSAGES)


def _publish(task: Task, args: tuple[uuid.UUID | str, ...]) -> None:
    try:
        task.apply_async(args=[str(arg) for arg in args])
    except (OperationalError, OSError) as error:
        log.warning("message_not_sent", task=task.name, error=str(error))


@celeryd_init.connect
def require_weights(options: dict[str, Any], **_: Any) -> None:
    """End a worker that is to embed, before it forks, when the active encoder's weights are missing or altered.

    Whoever started it starts it again, so it goes on by itself once the file is back. Workers for long jobs do not
    need the encoder for archives; a database that is away says nothing of the weights.
    """
    queues = options.get("queues") or [settings.CELERY_TASK_DEFAULT_QUEUE]
    if settings.CELERY_TASK_DEFAULT_QUEUE not in queues:
        return
    try:
        row = Encoder.objects.active()
        if row:
            weight_files.require(row.weights_name, sha256=row.weights_sha256)
    except WeightsError as error:
        raise SystemExit(f"The worker does not start: {error.message}") from None
    except DatabaseError as error:
        log.warning("database_away", reason=str(error).strip())
    finally:
        connections.close_all()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # its threads would not live on in a child


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
        return
    except (DatabaseAway, InterfaceError) as error:
        log.warning("database_away", reason=str(error).strip())
        return
    if jobs.more_due():
        _publish(embed, ())


@shared_task
def reconcile() -> None:
    """Put right what was lost, and wake the workers for what is due."""
    _beat()
    for image_id in jobs.reconcile():
        _publish(embed, (image_id,))
    if derived.waiting():
        _publish(derive, ())
    for import_id in archives.unfinished():
        _publish(run_import, (import_id,))
    for run_id in training.unfinished()[:1]:
        _publish(train, (run_id,))
    for evaluation_id in evaluations.unfinished()[:1]:
        _publish(evaluate, (evaluation_id,))
    for compression_id in compressions.unfinished()[:1]:
        _publish(compress, (compression_id,))


@shared_task(priority=BEHIND, expires=MESSAGE_SECONDS)
def derive() -> None:
    """Compute vectors that follow from stored ones."""
    _beat()
    if derived.work():
        _publish(derive, ())


@shared_task(soft_time_limit=3600, time_limit=3700)
def run_import(import_id: str) -> None:
    """Take an archive apart for a turn; the next is for whoever has waited longest."""
    try:
        had_a_turn = archives.run(uuid.UUID(import_id))
    except RetrievalError as error:
        log.warning("import_failed", code=error.code, reason=error.message)
        had_a_turn = False
    _publish(embed, ())
    for following in archives.unfinished()[:1] if had_a_turn else []:
        _publish(run_import, (following,))


@shared_task
def purge() -> None:
    """Remove for good what was deleted and whose undo time is over, leftovers of broken-off uploads, and old keys.

    What takes longer is gone on with by another message, so that pictures that wait to be embedded have their turn.
    """
    images.purge_deleted(seconds=PURGE_SECONDS)
    leftovers.sweep()
    compressions.tidy()
    idempotency.forget_old()
    thumbnails.note_digests(limit=DIGESTS_AT_ONCE)
    if purging.more_to_purge():
        _publish(purge, ())


@shared_task(soft_time_limit=3600, time_limit=3700)
def care_for_indexes() -> None:
    """Build the indexes that became worth it, repair broken ones, drop those whose encoder is gone; look at times."""
    clocks.set_right()
    indexes.care()


@shared_task(soft_time_limit=3600, time_limit=3700)
def guard_recall() -> None:
    """Compare approximate with exact answers and keep the figure."""
    if status.take_turn("guard_recall", every=NIGHT):
        indexes.guard()


@shared_task(soft_time_limit=3600, time_limit=3700)
def drop_expired() -> None:
    """Drop retired encoders that nobody went back to, sessions that are over, and old addresses in the trail."""
    if status.take_turn("drop_expired", every=NIGHT):
        encoder_life.drop_expired()
        sessions.SessionStore.clear_expired()
        accounts.forget_old()


@shared_task
def set_times_right() -> None:
    """Put right what a clock that was ahead wrote down."""
    clocks.set_right()


@shared_task(soft_time_limit=None, time_limit=None)
def train(run_id: str) -> None:
    """Train an encoder as a run's row says, then begin the next in line."""
    _long(train, run_id, kind=TrainingRun, service=training)


@shared_task(soft_time_limit=None, time_limit=None)
def evaluate(evaluation_id: str) -> None:
    """Measure encoders as an evaluation's row says, then begin the next in line."""
    _long(evaluate, evaluation_id, kind=Evaluation, service=evaluations)


@shared_task(soft_time_limit=None, time_limit=None)
def compress(compression_id: str) -> None:
    """Measure smaller encoders as a compression's row says, then begin the next in line."""
    _long(compress, compression_id, kind=Compression, service=compressions)


def _long(task: Task, pk: str, *, kind: type[lines.Work], service: Any) -> None:
    """Do the work of a row; whatever it breaks off for is written on the row, which would else be taken for running."""
    _watch_for_the_end()
    try:
        done = service.run(uuid.UUID(pk))
    except Exception as error:
        log.exception("long_work_broke_off", task=task.name, row=pk)
        lines.break_off(kind, uuid.UUID(pk), error)
        return
    for following in service.unfinished()[:1] if done else []:
        _publish(task, (following,))


@worker_shutting_down.connect
def say_that_the_end_comes(**_: Any) -> None:
    """Nothing but a flag: this runs in the handler of the signal, in the midst of anything."""
    lines.stopping.set()


@cache
def _watch_for_the_end() -> None:
    threading.Thread(target=_give_back_at_the_end, name="give-back", daemon=True).start()


def _give_back_at_the_end() -> None:
    """An orderly end costs long work no attempt; who is at it notices, and ends."""
    lines.stopping.wait()
    try:
        lines.give_back()
    except (DatabaseAway, InterfaceError) as error:
        log.warning("database_away", reason=str(error).strip())
    finally:
        connections.close_all()


def _beat() -> None:
    status.beat(leases.worker_name(), kind="worker", detail={"runtime": live_encoders.runtime_name()})
