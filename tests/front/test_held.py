"""Clients that send half, read half or never end their heads hold no thread; without the guards they hold them all."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from imagesearch.front import application, reading, sending, watch
from imagesearch.front.bounds import Bounds
from imagesearch.front.bridge import call
from retrieval import telemetry
from tests.front.fronted import PATIENCE, Client, asked, many, plain, request, running

FEW = replace(Bounds(), threads=2, waiting=0)
MANY = 50
LARGE = b"x" * (8 * 2**20)
HALF_SENT = request("/login/", "POST", length=1000) + b"username=a"


def refusals(reason):
    """How often something was ended for this reason so far."""
    return telemetry.REFUSED.labels(reason)._value.get()


def large(environ, start):
    """An application with a large answer at /large."""
    if environ["PATH_INFO"] != "/large":
        return plain(environ, start)
    start("200 OK", [("Content-Length", str(len(LARGE)))])
    return [LARGE]


def answers(port):
    """The status of /healthz and of a page."""
    return asked(port, "/healthz")[0], asked(port, "/page")[0]


HELD = {"bodies": HALF_SENT, "answers": request("/large"), "heads": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "}


@pytest.mark.parametrize("sent", HELD.values(), ids=HELD)
def test_many_that_hold_on_keep_nobody_from_an_answer(sent):
    bounds = replace(FEW, waiting=MANY, waiting_seconds=PATIENCE)
    with running(bounds, application=large) as (_, port), many(port, sent, MANY, buffer=4096):
        assert [answers(port) for _ in range(5)] == [(200, 200)] * 5


class Live:
    """A body that is read while it comes in, by the thread that wants it: as servers without a front do."""

    def __init__(self, receive, loop, held):
        self.receive, self.loop, self.held = receive, loop, held

    def read(self, *_):
        data, more = b"", True
        while more:
            self.held.release()
            message = asyncio.run_coroutine_threadsafe(self.receive(), self.loop).result()
            data, more = data + message.get("body", b""), message.get("more_body", False)
        return data


def test_without_reading_ahead_half_sent_bodies_hold_all_threads(monkeypatch):
    held = threading.Semaphore(0)

    async def nothing(self, body):
        body.store = Live(self.receive, asyncio.get_running_loop(), held)

    monkeypatch.setattr(application.Request, "_read", nothing)
    monkeypatch.setattr(application.Body, "close", lambda self: None)
    with running(FEW) as (_, port), many(port, HALF_SENT, FEW.threads):
        for _ in range(2 * FEW.threads):  # each has read what there is, and waits for the rest
            assert held.acquire(timeout=PATIENCE)
        assert answers(port) == (200, 503)


def test_without_sending_beside_the_threads_half_read_answers_hold_all_of_them(monkeypatch):
    held, released = threading.Semaphore(0), threading.Event()

    def sent_here(wsgi, environ, *, spool):
        found = call(wsgi, environ, spool=spool)
        if environ["PATH_INFO"] == "/large":
            held.release()
            released.wait(PATIENCE)  # as long as its client takes to read it
        return found

    monkeypatch.setattr(application, "call", sent_here)
    with running(FEW, application=large) as (_, port), many(port, request("/large"), FEW.threads, buffer=4096):
        for _ in range(FEW.threads):
            assert held.acquire(timeout=PATIENCE)
        assert answers(port) == (200, 503)
        released.set()


def test_a_head_that_does_not_end_is_ended():
    before = refusals("slow head")
    with running(replace(FEW, head_seconds=0)) as (_, port):
        assert Client(port, HELD["heads"]).ended()
        assert Client(port).ended()
    assert refusals("slow head") == before + 2


def test_without_the_watch_a_head_may_take_for_ever(monkeypatch):
    looked = threading.Semaphore(0)
    monkeypatch.setattr(watch.Watch, "sweep", lambda self: looked.release())
    with running(replace(FEW, head_seconds=0)) as (_, port):
        client = Client(port, HELD["heads"])
        for _ in range(2):
            assert looked.acquire(timeout=PATIENCE)
        client.send(b"y\r\n\r\n")
        assert client.answer()[0] == 200


def test_a_head_without_end_is_refused():
    with running(replace(FEW, head=5000)) as (_, port):
        client = Client(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        client.send(b"".join(b"X-%d: y\r\n" % number for number in range(1000)))
        assert client.answer()[0] == 400


SLOW = replace(FEW, window=0.05)


def test_a_body_that_comes_too_slowly_is_refused():
    with running(SLOW) as (_, port):
        status, headers, _ = Client(port, HALF_SENT).answer()
        assert (status, headers["connection"]) == (408, "close")
        many_bytes = request("/", "POST", length=10**9) + b"x" * 100_000
        assert Client(port, many_bytes).answer()[0] == 408


def test_a_body_that_keeps_the_pace_but_has_no_end_is_refused_in_time():
    with running(replace(FEW, small_body_seconds=0.05)) as (_, port):
        assert Client(port, HALF_SENT).answer()[0] == 408


def test_without_the_pace_a_slow_body_is_waited_for(monkeypatch):
    looked = threading.Semaphore(0)
    monkeypatch.setattr(reading.Pace, "check", lambda self, now: looked.release())
    with running(SLOW) as (_, port):
        client = Client(port, HALF_SENT)
        for _ in range(5):
            assert looked.acquire(timeout=PATIENCE)
        client.send(b"x" * 990)
        status, _, body = client.answer()
        assert (status, body) == (200, b"POST /login/ 1000")


def test_an_answer_that_nobody_fetches_is_ended():
    before = refusals("slow reader")
    with running(SLOW, application=large) as (server, port):
        client = Client(port, request("/large"), buffer=4096)
        while refusals("slow reader") == before:
            assert threading.Event().wait(0.01) is False
        assert client.ended()
        assert not server.watch.all


def test_without_the_least_rate_a_slow_reader_gets_all_of_it(monkeypatch):
    monkeypatch.setattr(sending.asyncio, "timeout_at", lambda _: asyncio.timeout(None))
    with running(replace(SLOW, least_rate=2**20), application=large) as (_, port):
        client = Client(port, request("/large"), buffer=4096)
        assert asked(port)[0] == 200
        assert client.answer()[2] == LARGE
