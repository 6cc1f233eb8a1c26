"""Many calls at the same moment, each on a connection of its own, and one that is known to wait for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, TypeVar

from django.db import connection, connections, transaction

T = TypeVar("T")

PATIENCE = 60  # seconds; only what hangs takes so long
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"


def at_once(call: Callable[[int], T], times: int = 24) -> list[T | Exception]:
    """Call with 0, 1, ... in so many threads that begin together; return what each returned or raised, in order."""
    ready = threading.Barrier(times)

    def run(number: int) -> T | Exception:
        try:
            connection.ensure_connection()
            ready.wait(PATIENCE)
            return call(number)
        except Exception as error:  # noqa: BLE001  (the test looks at whatever it was)
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def in_turn(first: Callable[[], T], second: Callable[[], T]) -> tuple[T | Exception, T | Exception]:
    """Do ``first``, and commit it only when ``second`` waits for it in the database (or has ended); return both."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            one = _or_error(first)
            other = pool.submit(_alone, second)
            _until_waiting(other)
        return one, other.result(PATIENCE)


def _until_waiting(other: Future[Any]) -> None:
    with closing(connections.create_connection("default")) as watching, watching.cursor() as cursor:
        while not other.done():
            cursor.execute(WAITING, [connection.settings_dict["NAME"]])
            if cursor.fetchone()[0]:
                return
            with suppress(TimeoutError):
                other.result(0.01)


def _alone(call: Callable[[], T]) -> T | Exception:
    try:
        return _or_error(call)
    finally:
        connections.close_all()


def _or_error(call: Callable[[], T]) -> T | Exception:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  (the test looks at whatever it was)
        return error
