"""The scheduler: sends what is due, trusts no clock that was moved, is the only one, and says that it is alive."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import psycopg
import structlog
from celery import beat
from django.db import connection
from psycopg.types.json import Jsonb

from imagesearch import ready

log = structlog.get_logger(__name__)

# Any number that nobody else uses: whoever holds this lock of the database is the scheduler.
LOCK = 0x73636864
BEAT_SECONDS = 10.0
CONNECT_SECONDS = 5
# A machine that vanished holds its lock until its database notices that.
NOTICE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
SIGN_OF_LIFE = """INSERT INTO retrieval_heartbeat (name, kind, at, detail) VALUES ('scheduler', 'scheduler', now(), %s)
    ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind, at = EXCLUDED.at, detail = EXCLUDED.detail"""


class Post:
    """The one post of a scheduler: a lock that lasts as long as a connection to the database does.

    This process knows PostgreSQL but none of the app's models, which would bring along all that they need.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._beaten = -BEAT_SECONDS

    def hold(self) -> bool:
        """Take the post or stay on it, and show a sign of life; False while another has it or the database is away."""
        try:
            held = self._connection or self._take()
            if held and time.monotonic() - self._beaten >= BEAT_SECONDS:
                self._beat(held)
        except psycopg.Error as error:
            log.warning("database_away", reason=str(error).strip())
            self.leave()
            return False
        ready.say()
        return held is not None

    def leave(self) -> None:
        """Let another take it."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._beaten = None, -BEAT_SECONDS

    def _take(self) -> psycopg.Connection[Any] | None:
        wanted = {**connection.get_connection_params(), "connect_timeout": CONNECT_SECONDS}
        self._connection = psycopg.connect(**wanted, autocommit=True)
        self._connection.execute(NOTICE)
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not (row and row[0]):
            self.leave()
        return self._connection

    def _beat(self, held: psycopg.Connection[Any]) -> None:
        held.execute(SIGN_OF_LIFE, [Jsonb({"host": socket.gethostname(), "process": os.getpid()})])
        self._beaten = time.monotonic()


class Scheduler(beat.Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's scheduler, with the times of last runs in memory only: a file of them would outlive a wrong clock.

    What has to run once a night and was missed is asked for at each start; the database knows when it last ran.
    """

    max_interval = int(BEAT_SECONDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.post = Post()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, if this is the one scheduler; return the seconds until the next look."""
        if not self.post.hold():
            return float(self.max_interval)
        if self._set_right():
            self.send_task("retrieval.tasks.set_times_right", expires=3600)
        return min(float(super().tick(*args, **kwargs)), float(self.max_interval))

    def close(self) -> None:
        """Give the post up, too."""
        self.post.leave()
        super().close()

    def _set_right(self) -> bool:
        """Let what seems to have run in the future count from now; tell whether there was any: the clock was set back.

        The order of what comes next was made by the wrong clock, too, so it is made anew.
        """
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            log.warning("clock_set_back", entries=len(ahead))
            self._heap = None
        return bool(ahead)
