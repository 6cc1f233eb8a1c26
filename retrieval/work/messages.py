"""Messages that wake workers. They only save time: what is to be done is a fact in PostgreSQL; the reconciler looks.

So the same message is not sent again while it waits for a worker, whoever sends it: who begins it sees whatever was
committed until then. A mark in the broker says that it waits, set before it is sent and taken away when it is begun.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog
from celery import Task
from celery.signals import task_prerun
from kombu.exceptions import OperationalError
from redis import RedisError

from retrieval import broker

log = structlog.get_logger(__name__)

Words = tuple[uuid.UUID | str, ...]

# Messages of requests are sent beside them, one at a time: a broker that hangs keeps nobody waiting. The same message
# is not in line twice, nor sent more often than this, so that a worker finds a batch and not one picture each time.
# What is too many is not sent; the reconciler finds the work all the same.
IN_LINE, PAUSE = 8, 0.15  # seconds
# A message that was lost must not keep the next ones away for long; the reconciler looks each half minute anyway.
MARK_SECONDS = 20

_sender = ThreadPoolExecutor(1, thread_name_prefix="send")
_in_line: set[tuple[Task, Words]] = set()
_lock = threading.Lock()


def send_beside(task: Task, args: Words) -> None:
    """Hand the message to the sender, and do not wait for it."""
    with _lock:
        if (task, args) in _in_line:
            return
        if len(_in_line) >= IN_LINE:
            log.warning("message_not_sent", task=task.name, error="too many wait already")
            return
        _in_line.add((task, args))
    _sender.submit(_send_and_pause, task, args)


def wait_until_sent() -> None:
    """Wait for the messages in hand: a command that ends takes its broker along."""
    _sender.submit(lambda: None).result()


def send(task: Task, args: Words = ()) -> None:
    """Send it now, unless it waits for a worker already; a broker that is away is one line of the log."""
    words = [str(arg) for arg in args]
    mark = _mark(task, words)
    if not _set(mark):
        return
    try:
        task.apply_async(args=words)
    except (OperationalError, OSError) as error:
        log.warning("message_not_sent", task=task.name, error=str(error))
        _take_away(mark)


def _send_and_pause(task: Task, args: Words) -> None:
    """Send, then pause. What is committed from now on needs another message: this one may be read at once."""
    with _lock:
        _in_line.discard((task, args))
    send(task, args)
    time.sleep(PAUSE)


def _begun(sender: Task, args: Iterable[str] | None = None, **_: object) -> None:
    """Before the task looks at anything, so that what it does not see any more is sent for."""
    _take_away(_mark(sender, args or ()))


task_prerun.connect(_begun)


def _mark(task: Task, words: Iterable[str]) -> str:
    return ":".join(("waits", task.name, *words))


def _set(mark: str) -> bool:
    """Return False where the mark stands already; a broker that does not answer knows of none."""
    try:
        return bool(broker.client().set(mark, 1, nx=True, ex=MARK_SECONDS))
    except RedisError:
        return True


def _take_away(mark: str) -> None:
    with contextlib.suppress(RedisError):
        broker.client().delete(mark)
