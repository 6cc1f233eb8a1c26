"""The broker's small memory, beside the messages that Celery keeps in it: counts and marks that may be lost."""

from __future__ import annotations

from functools import cache

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from retrieval import conf

ANSWER_SECONDS = 0.3  # a broker that hangs may cost a request this long


@cache
def client() -> Redis:
    """Return this process's client; what it is asked raises redis.RedisError, after ANSWER_SECONDS at the latest."""
    return Redis.from_url(
        conf.get().broker,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),  # a second try would count twice
    )


def answers() -> bool:
    """Tell whether it is there."""
    try:
        return bool(client().ping())
    except RedisError:
        return False
