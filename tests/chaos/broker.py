"""The broker of a site when nobody reads from it, and when it is full."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
import redis

from tests.chaos import hooks
from tests.chaos.hooks import Fault
from tests.chaos.site import WAKING, Pictures, Site
from tests.chaos.work import seconds_until

LIMIT = "8mb"
WAITS = "waits:retrieval.tasks.embed"  # a worker takes this mark away before it does anything else
UNCOMPARED = """
SELECT count(*) FROM retrieval_image i WHERE deleted_at IS NULL AND NOT EXISTS
(SELECT FROM retrieval_copykeys k WHERE k.image_id = i.id AND k.looked_at IS NOT NULL)
"""


@contextlib.contextmanager
def unread(site: Site) -> Iterator[None]:
    """The workers stand still, and what they had asked the broker for before that is over."""
    with site.frozen("worker"), site.frozen("long-worker"):
        seconds_until(lambda: site.broker().info("clients")["blocked_clients"] == 0, most=600)
        yield


@contextlib.contextmanager
def full(site: Site) -> Iterator[None]:
    """More than its limit is in the broker, and it refuses whatever would add to that."""
    broker = site.broker()
    seconds_until(lambda: _answers(broker), most=600)  # one that was frozen for long has been started anew
    broker.set("junk", bytes(8 * 2**20))
    broker.config_set("maxmemory", LIMIT)
    try:
        assert broker.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        _refuses(broker)
        yield
        _refuses(broker)
    finally:
        broker.delete("junk")
        broker.config_set("maxmemory", "256mb")


def _answers(broker: redis.Redis) -> bool:
    try:
        return bool(broker.ping())
    except redis.RedisError:
        return False


def _refuses(broker: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        broker.set("no", "room")


def lose(site: Site, pictures: Pictures, *, popped: int, unsent: int) -> None:
    """Upload so that no message arrives: some are popped as by a worker that then dies, the sending of others raises.

    The scheduler is to stand still, so that no message of its own is among them.
    """
    broker = site.broker()
    site.wait_ready(site.kept(), hurry=True)
    # Looking for copies of what came is the last that such a picture has the workers do, and it sends messages, too.
    seconds_until(lambda: site.query(UNCOMPARED) == [(0,)], most=3600)
    broker.delete("unacked", "unacked_index")  # what workers had in hand that were killed before; it is all done by now
    seconds_until(lambda: not broker.llen(WAKING) and not broker.hlen("unacked"), most=600)
    with unread(site):
        for _ in range(popped):
            site.upload_all([pictures.next()])
            found = broker.brpop([WAKING], timeout=8)
            assert found is not None, "no message to lose"
            assert json.loads(found[1])["headers"]["task"] == "retrieval.tasks.embed"
            broker.delete(WAITS)
        already = hooks.times(site.folder, Fault.UNSENT)
        with hooks.switched_on(site.folder, Fault.UNSENT):
            for number in range(1, unsent + 1):
                site.upload_all([pictures.next()])
                seconds_until(lambda: hooks.times(site.folder, Fault.UNSENT) == already + number, most=600)  # noqa: B023
        assert broker.llen(WAKING) == 0
