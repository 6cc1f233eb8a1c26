"""The end of a worker: told to its children by a byte that they share, and in time whatever it is in the midst of."""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import cache
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connections

from retrieval.work import long_jobs

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.25
END_SECONDS = 8.0  # after which a worker for long work ends, whatever it is in the midst of

_told = mmap.mmap(-1, 1)  # shared by whatever is forked from here on; reading and writing it take no lock


def begin(**_: object) -> None:
    """Be a worker of its own before it forks its children.

    Workers are forked from the supervisor, which has loaded this: with the byte that they have from there, the end of
    one would be told to all others and to every worker that comes after it.
    """
    global _told  # noqa: PLW0603
    _told = mmap.mmap(-1, 1)


def say() -> None:
    """Tell this process and its children that the end comes; fit for the handler of a signal."""
    _told[0] = 1
    long_jobs.stopping.set()


def comes() -> bool:
    """Tell whether it was said."""
    return bool(_told[0])


def wait_unless(futures: Collection[Future[Any]], *, seconds: float) -> None:
    """Wait until all are done, for so many seconds at most, or until the end comes."""
    ends, left = time.monotonic() + seconds, set(futures)
    while left and not comes() and (rest := ends - time.monotonic()) > 0:
        left = wait(left, timeout=min(rest, LOOK_SECONDS), return_when=FIRST_COMPLETED).not_done


@cache
def watch() -> None:
    """From now on have this process, one for long work, end in time."""
    threading.Thread(target=_end_in_time, name="give-back", daemon=True).start()


def _end_in_time() -> None:
    """Once the end comes give long work back, which costs it no attempt; who is at it notices, and ends.

    One in the midst of a long step does not notice in time. All of it is back in line, so the process ends without.
    """
    long_jobs.stopping.wait()
    try:
        log.info("given_back", jobs=long_jobs.give_back())
    except (OperationalError, InterfaceError) as error:
        log.warning("database_away", reason=str(error).strip())
    finally:
        connections.close_all()
    time.sleep(END_SECONDS)
    log.warning("ended_in_the_midst", reason="what was worked on had not noticed the end; it is back in line")
    os._exit(0)
