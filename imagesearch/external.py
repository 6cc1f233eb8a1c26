"""Servers of one's own, named by URLs: a start without them ends with a sentence that names the variable."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from imagesearch import servers
from imagesearch.env import BadVariable

# A server that is started beside us, as in containers, may answer a moment later.
PATIENCE_SECONDS = 5.0
TRY_SECONDS = 2
PAUSE_SECONDS = 0.2

Problem = str | None


def require_database(*, patience: float = PATIENCE_SECONDS) -> None:
    """Wait a moment (seconds) until the database answers, if a URL names it. Raises BadVariable."""
    _require("DATABASE_URL", database_problem, patience=patience)


def require_broker(*, patience: float = PATIENCE_SECONDS) -> None:
    """Wait a moment (seconds) until the broker answers, if a URL names it. Raises BadVariable."""
    _require("REDIS_URL", broker_problem, patience=patience)


def database_problem() -> Problem:
    """Why the database that DATABASE_URL names cannot be used, or None; never with the password in it."""
    if not settings.DATABASE_URL:
        return None
    try:
        psycopg.connect(**{"connect_timeout": TRY_SECONDS, **connection.get_connection_params()}).close()
    except psycopg.Error as error:
        return f"names a database that cannot be used: {_reason(error)}."
    return None


def broker_problem() -> Problem:
    """Why the broker that REDIS_URL names cannot be used, or None; never with the password in it."""
    if not settings.REDIS_URL:
        return None
    limits = {"socket_timeout": TRY_SECONDS, "socket_connect_timeout": TRY_SECONDS}
    once = Retry(NoBackoff(), 0)  # whoever asks tries again
    try:
        with redis.Redis.from_url(servers.client(settings.REDIS_URL), **limits, retry=once) as client:
            client.ping()
    except (redis.RedisError, ValueError, TypeError) as error:  # the last two of options that do not fit
        return f"names a broker that cannot be used: {_reason(error)}."
    return None


def _require(name: str, problem: Callable[[], Problem], *, patience: float) -> None:
    deadline = time.monotonic() + patience
    while said := problem():
        if time.monotonic() >= deadline:
            raise BadVariable(name, said)
        time.sleep(PAUSE_SECONDS)


def _reason(error: Exception) -> str:
    """The first line of what a driver says, as a part of a sentence."""
    said = str(error).strip().split("\n", 1)[0]
    return said.rstrip(".").replace(". ", ": ")
