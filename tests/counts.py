"""What the limits have counted and which messages wait, of which each test is to begin with nothing."""

from __future__ import annotations

from functools import cache

import redis


def forget() -> None:
    """Forget the counts and marks of the broker, and the counts of this process."""
    from retrieval import conf
    from retrieval.services.people import limits

    _broker(conf.get().broker).flushdb()
    limits._local.windows.clear()
    limits._local.broker_rests_until = 0.0


@cache
def _broker(address: str) -> redis.Redis:
    """One client for all tests of a process: making it took as long as a small request."""
    return redis.Redis.from_url(address)
