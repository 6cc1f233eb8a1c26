"""The embedded broker: what it holds survives a kill, and an orphan makes room."""

from __future__ import annotations

import signal
import time

import pytest
import redis

from imagesearch import servers
from imagesearch.embedded.process import launch
from imagesearch.embedded.supervisor import Supervisor


@pytest.fixture
def broker(short_folder):
    """A broker on a new folder; nothing runs yet."""
    return servers.valkey(short_folder)


@pytest.fixture
def supervisor():
    """Stops what a test started."""
    found = Supervisor(print)
    yield found
    found.stop()


def client(broker):
    """A client of the broker."""
    return redis.Redis.from_url(broker.url())


def test_messages_survive_a_kill(broker, supervisor):
    supervisor.start(broker.service())
    client(broker).lpush("queue", "message")
    client(broker).execute_command("WAITAOF", 1, 0, 5000)
    running = supervisor.groups[0][0]
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    running.due = time.monotonic()
    supervisor.look_after(running)
    assert client(broker).lrange("queue", 0, -1) == [b"message"]


def test_an_orphan_is_ended_before_a_new_start(broker, supervisor):
    broker.prepare()
    orphan = launch(broker.service())
    while not broker.answers():
        time.sleep(0.05)
    client(broker).set("kept", "yes")
    supervisor.start(broker.service())
    assert orphan.wait(10) == 0
    assert client(broker).get("kept") == b"yes"


def test_it_never_throws_messages_away_and_has_no_port(broker, supervisor):
    supervisor.start(broker.service())
    found = client(broker).config_get()
    assert (found["maxmemory-policy"], found["port"], found["appendonly"]) == ("noeviction", "0", "yes")
