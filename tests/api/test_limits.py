"""Counting calls: exact under parallel callers, by the right address, and with or without the broker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from django.contrib.auth.models import AnonymousUser, User

from retrieval import broker, conf
from retrieval.errors import TooMany
from retrieval.services.people import limits


def allowed(scope, *, key="somebody", limit=10):
    try:
        limits.hit(scope, key=key, limit=limit, per_seconds=60)
    except TooMany:
        return False
    return True


@pytest.fixture
def no_broker(monkeypatch):
    """A broker that nobody answers at."""
    gone = redis.Redis.from_url("unix:///nowhere/valkey.sock")
    monkeypatch.setattr(broker, "client", lambda: gone)


def test_the_call_after_the_last_is_told_how_long_to_wait():
    assert all(allowed("t", limit=3) for _ in range(3))
    with pytest.raises(TooMany) as caught:
        limits.hit("t", key="somebody", limit=3, per_seconds=60)
    assert 1 <= caught.value.retry_after <= 60


def test_scopes_and_keys_count_apart():
    assert allowed("a", limit=1)
    assert allowed("b", limit=1)
    assert allowed("a", key="another", limit=1)
    assert not allowed("a", limit=1)


def test_a_window_ends():
    limits.hit("short", key="x", limit=1, per_seconds=1)
    name = limits._name("short", "x")
    broker = redis.Redis.from_url(conf.get().broker)
    assert 0 < broker.pttl(name) <= 1000
    broker.delete(name)
    assert allowed("short", key="x", limit=1)


def test_two_hundred_calls_at_once_pass_exactly_the_limit():
    with ThreadPoolExecutor(50) as pool:
        passed = sum(pool.map(lambda _: allowed("crowd", limit=30), range(200)))
    assert passed == 30


def test_without_the_broker_this_process_counts_as_exactly(no_broker):
    with ThreadPoolExecutor(50) as pool:
        passed = sum(pool.map(lambda _: allowed("crowd", limit=30), range(200)))
    assert passed == 30


def test_a_broker_that_failed_is_left_alone_for_a_while(no_broker, monkeypatch):
    asked = []
    monkeypatch.setattr(broker, "client", lambda: asked.append(1) or redis.Redis.from_url("unix:///nowhere"))
    for _ in range(5):
        allowed("rest")
    assert len(asked) == 1


def test_a_broker_that_stumbles_in_between_gives_no_calls_away(monkeypatch):
    assert all(allowed("stumble", limit=2) for _ in range(2))
    monkeypatch.setattr(broker, "client", lambda: redis.Redis.from_url("unix:///nowhere"))
    assert not allowed("stumble", limit=2)


def test_old_local_windows_are_dropped_when_there_are_many(monkeypatch):
    monkeypatch.setattr(limits, "LOCAL_WINDOWS", 10)
    counts = limits.LocalCounts()
    for number in range(50):
        counts.add(f"name {number}", per_seconds=60)
    assert list(counts.windows) == [f"name {number}" for number in range(40, 50)]


def test_only_wrong_passwords_use_up_the_limit():
    for _ in range(30):
        limits.sign_in("Anna", address="192.0.2.1")
        limits.signed_in("anna", address="192.0.2.1")
    for _ in range(5):
        limits.sign_in("anna", address="192.0.2.1")
    with pytest.raises(TooMany):
        limits.sign_in("ANNA", address="192.0.2.2")


def test_an_address_has_a_limit_over_all_names():
    for number in range(20):
        limits.sign_in(f"name{number}", address="192.0.2.1")
    with pytest.raises(TooMany):
        limits.sign_in("one-more", address="192.0.2.1")
    limits.sign_in("one-more", address="192.0.2.9")


@pytest.mark.parametrize(("user", "uploaded", "limit"), [(AnonymousUser(), False, 30), (User(pk=1), True, 60)])
def test_searches_are_counted_by_address_or_person(user, uploaded, limit):
    for _ in range(limit):
        limits.search(user, address="192.0.2.1", uploaded=uploaded)
    with pytest.raises(TooMany):
        limits.search(user, address="192.0.2.1", uploaded=uploaded)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "10.0.0.1"),
        (0, "203.0.113.9", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        (2, "203.0.113.9", "203.0.113.9"),
        (1, "", "10.0.0.1"),
    ],
)
def test_a_forged_header_changes_no_address(settings, proxies, forwarded, address):
    settings.IMAGESEARCH = replace(conf.get(), proxies=proxies)
    assert limits.address_of("10.0.0.1", forwarded=forwarded) == address


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_counts_as_one_address(address, place):
    assert limits.place(address) == place


def test_a_network_of_ipv6_has_one_limit():
    for number in range(20):
        limits.sign_in(f"name{number}", address=f"2001:db8::{number:x}")
    with pytest.raises(TooMany):
        limits.sign_in("one-more", address="2001:db8::ffff:1")
    limits.sign_in("one-more", address="2001:db8:0:1::1")


@pytest.mark.parametrize("hop", ["203.0.113.9:4711", "203.0.113.9"])
def test_a_port_is_no_part_of_the_address(settings, hop):
    settings.IMAGESEARCH = replace(conf.get(), proxies=1)
    assert limits.address_of("10.0.0.1", forwarded=hop) == "203.0.113.9"
    assert limits.address_of("10.0.0.1", forwarded="[2001:db8::1]:4711") == "2001:db8::1"


def guessed(client, count=30):
    """Sign in with wrong passwords, each time by another name and from an address of one's own making."""
    return {
        client.post(
            "/api/v1/auth/token/", {"username": f"n{number}", "password": "x"}, format="json",
            HTTP_X_FORWARDED_FOR=f"203.0.113.{number}",
        ).status_code
        for number in range(count)
    }  # fmt: skip


@pytest.mark.django_db
def test_where_the_header_is_believed_nobody_is_ever_stopped(calls, monkeypatch):
    assert guessed(calls()) == {401, 429}
    monkeypatch.setattr(limits, "address_of", lambda remote, *, forwarded: forwarded or remote)
    assert guessed(calls()) == {401}


def test_counting_in_two_steps_lets_more_through(monkeypatch):
    def read_then_write(name, per_seconds):
        counts = broker.client()
        count = int(counts.get(name) or 0) + 1
        counts.set(name, count)
        return count, per_seconds

    monkeypatch.setattr(limits, "_count", read_then_write)
    with ThreadPoolExecutor(50) as pool:
        passed = sum(pool.map(lambda _: allowed("crowd", limit=30), range(200)))
    assert passed > 30
