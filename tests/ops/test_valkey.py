"""The embedded broker: what it holds survives a kill, and an orphan makes room."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from kombu import Connection
from kombu.utils.url import url_to_parts
from redis.backoff import NoBackoff
from redis.retry import Retry

from imagesearch import external, servers
from imagesearch.embedded.process import launch
from imagesearch.embedded.supervisor import Supervisor
from imagesearch.embedded.valkey import Valkey
from retrieval import checks

ONCE = Retry(NoBackoff(), 0)


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


@pytest.fixture
def no_second_try(monkeypatch):
    """A client that would wait to try again fails."""
    monkeypatch.setattr("redis.retry.sleep", lambda _: pytest.fail("waited to try again"))


def client(broker):
    """A client of the broker."""
    return redis.Redis.from_url(broker.url(), retry=ONCE)


@pytest.mark.parametrize("sign", " #%+&?\\;,:@'\"\u00e9")
def test_the_socket_is_found_whatever_signs_its_folder_has(tmp_path, sign):
    broker = Valkey(tmp_path, tmp_path / f"a{sign}20b" / "v.sock", tmp_path / "log", password="p")
    ours = redis.Redis.from_url(servers.client(broker.url())).connection_pool.connection_kwargs
    theirs = url_to_parts(Connection(servers.broker(broker.url())).hostname)
    assert (ours["path"], ours["password"]) == (str(broker.socket), "p")
    assert (f"/{theirs.path}", theirs.password) == (str(broker.socket), "p")


def test_whoever_asks_for_a_broker_that_is_not_there_is_told_at_once(broker, no_second_try, settings):
    assert not broker.answers()
    settings.REDIS_URL, settings.IMAGESEARCH = broker.url(), replace(settings.IMAGESEARCH, broker=broker.url())
    assert external.broker_problem().startswith("names a broker that cannot be used")
    assert checks.broker().startswith("The broker does not answer")


def test_messages_survive_a_kill(broker, supervisor):
    supervisor.start(broker.service())
    client(broker).lpush("queue", "message")
    client(broker).execute_command("WAITAOF", 1, 0, 5000)
    running = supervisor.groups[0][0]
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    running.due = time.monotonic()
    supervisor.look_after(running)
    while not broker.answers():
        time.sleep(0.05)
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


def test_nobody_comes_in_without_the_password(broker, supervisor):
    supervisor.start(broker.service())
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(broker.socket), retry=ONCE).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(broker.socket), password="guessed", retry=ONCE).ping()


def test_without_its_private_file_anybody_at_the_socket_may_empty_it(broker, supervisor):
    service = broker.service()
    words = [word for word in service.argv if not word.endswith("valkey.conf")]
    supervisor.start(replace(service, argv=words, answers=broker.socket.exists))
    assert redis.Redis(unix_socket_path=str(broker.socket), retry=ONCE).flushall()


def test_the_password_is_in_private_files_alone(broker, supervisor):
    supervisor.start(broker.service())
    client(broker).ping()
    pid = supervisor.groups[0][0].process.pid
    seen = Path(f"/proc/{pid}/cmdline").read_text() + broker.log.read_text() + repr(broker)
    assert broker.password not in seen
    assert (broker.folder / "valkey.conf").stat().st_mode & 0o777 == 0o600
    assert servers.valkey(broker.folder.parent).password == broker.password


def test_an_orphan_of_a_version_without_passwords_is_ended(broker, supervisor):
    broker.prepare()
    words = [word for word in broker.service().argv if not word.endswith("valkey.conf")]
    orphan = launch(replace(broker.service(), argv=words))
    while not broker._lets_in(None):
        time.sleep(0.05)
    supervisor.start(broker.service())
    assert orphan.wait(10) == 0
    assert client(broker).ping()
