"""What passes the front and what it turns away: bodies, answers, the line, addresses, and the time to stop."""

from __future__ import annotations

import http.client
import io
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import override_settings

from imagesearch.front import connection, early, seats, serving, watch
from imagesearch.front.bounds import Bounds
from imagesearch.front.bridge import Answer, Handed, call, environment
from imagesearch.front.spool import Body, Spool, SpoolFull
from imagesearch.security import headers_without_django
from retrieval import conf
from retrieval.web.admission import UNREAD, Allowance
from tests.front.fronted import PATIENCE, Client, asked, many, plain, request, running

ROOT = Path(__file__).parents[2]
FEW = replace(Bounds(), threads=2)


def echo(environ, start):
    """An application that sends back what it got."""
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain"), ("X-Unread", str(bool(environ.get(UNREAD))))])
    return [body]


def test_what_is_made_while_it_is_sent_holds_no_thread_and_is_closed():
    sizes, threads, closed = [], set(), []

    class Made:
        def read(self, size):
            threads.add(threading.current_thread().name.partition("_")[0])
            sizes.append(size if len(sizes) < 3 else 0)
            return b"x" * sizes[-1]

        def hand_over(self):
            return self

        def close(self):
            closed.append(len(sizes))

    def application(environ, start):
        start("200 OK", [])
        return Handed(Made())

    with running(FEW, application=application) as (_, port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        client.request("GET", "/")
        answer = client.getresponse()
        assert len(answer.read()) == sum(sizes) > 0
    assert closed[-1] == 4
    assert "content-length" not in answer.headers
    assert "request" not in threads


# --- Requests and answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3 * 2**20])
def test_a_body_arrives_whole(size):
    body = bytes(range(256)) * (size // 256 + 1)
    with running(FEW, application=echo) as (server, port):
        client = Client(port, request(method="POST", length=size) + body[:size])
        status, headers, got = client.answer()
        assert (status, headers["x-unread"], got) == (200, "False", body[:size])
        assert not server.config.app.spool.taken


def test_requests_follow_each_other_on_one_connection_and_may_be_sent_ahead():
    with running(FEW) as (_, port):
        client = Client(port, request("/1") + request("/2", "POST", length=3) + b"abc" + request("/3"))
        assert [client.answer()[2] for _ in range(3)] == [b"GET /1 0", b"POST /2 3", b"GET /3 0"]


def test_a_client_that_asks_first_is_told_to_go_on():
    with running(FEW) as (_, port):
        client = Client(port, request("/", "POST", length=3, Expect="100-continue"))
        assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        client.file.readline()
        client.send(b"abc")
        assert client.answer()[2] == b"POST / 3"


def test_a_head_request_has_no_body():
    with running(FEW) as (_, port):
        client = Client(port, request("/", "HEAD") + request("/next"))
        while client.file.readline().strip():
            pass
        assert client.answer()[2] == b"GET /next 0"


def scope(**changes):
    """A head as the server tells it."""
    usual = {
        "method": "GET", "raw_path": b"/a%20%ff", "query_string": b"q=1", "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("192.0.2.1", 5), "headers": [],
    }  # fmt: skip
    return usual | changes


def test_the_environment_is_that_of_wsgi():
    headers = [(b"host", b"x"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"content-type", b"text/plain")]
    headers += [(b"x-forwarded-for", b"1.1.1.1"), (b"x_forwarded_for", b"2.2.2.2")]
    headers += [(b"accept", b"a"), (b"accept", b"b")]
    found = environment(scope(headers=headers), io.BytesIO())
    assert (found["PATH_INFO"], found["QUERY_STRING"], found["REMOTE_ADDR"]) == ("/a \xff", "q=1", "192.0.2.1")
    assert (found["HTTP_COOKIE"], found["CONTENT_TYPE"], found["HTTP_ACCEPT"]) == ("a=1; b=2", "text/plain", "a,b")
    assert found["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path, replace(FEW, answer_in_memory=1000, in_memory=10, spool=100, spool_each=60))


def answered(parts, spool, *, method="GET", headers=()):
    """What becomes of an application's parts."""

    def application(_environ, start):
        start("200 OK", list(headers))
        return parts

    return call(application, {"REQUEST_METHOD": method}, spool=spool)


def test_a_file_is_handed_over_and_not_read(spool, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(100)))
    file = (tmp_path / "file").open("rb")
    file.seek(10)
    answer = answered(Handed(file), spool, headers=[("Content-Length", "5")])
    assert (answer.offset, answer.length, answer.body, file.closed) == (10, 5, b"", True)
    answer.close()


def test_an_answer_without_a_file_is_kept_where_it_is_short_and_spooled_where_it_is_long(spool):
    assert answered(Handed(io.BytesIO(b"short")), spool).body == b"short"
    answer = answered(iter([b"x" * 600] * 3), spool)
    assert (answer.body, answer.length) == (b"", 1800)
    answer.close()


def test_every_answer_is_closed_in_its_thread_even_when_it_fails(spool):
    class Parts:
        closed = 0

        def __iter__(self):
            raise ValueError

        def close(self):
            Parts.closed += 1

    with pytest.raises(ValueError):
        answered(Parts(), spool)
    assert Parts.closed == 1


def test_a_file_is_sent_from_where_it_begins_as_long_as_the_head_says(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789" * 50_000)

    def application(environ, start):
        file = (tmp_path / "file").open("rb")
        file.seek(5)
        start("206 Partial Content", [("Content-Length", "400000")])
        return environ["wsgi.file_wrapper"](file)

    with running(FEW, application=application) as (_, port):
        assert asked(port)[2] == (b"0123456789" * 50_000)[5:400_005]


# --- Who may send how much --------------------------------------------------------------------------------------------


def test_a_body_that_may_not_be_sent_is_not_read():
    with running(FEW, application=echo, admit=lambda _: Allowance(64 * 1024)) as (server, port):
        taken = []
        server.config.app.spool.take = lambda *_, **__: taken.append(1)
        status, headers, body = Client(port, request("/", "POST", length=10**9) + b"x" * 100_000).answer()
        assert (status, headers["x-unread"], headers["connection"], body, taken) == (200, "True", "close", b"", [])


def test_without_asking_first_it_is_read():
    with running(FEW, application=echo) as (_, port):
        client = Client(port, request("/", "POST", length=100_000) + b"x" * 100_000)
        assert client.answer()[2] == b"x" * 100_000


def test_a_body_of_unknown_length_is_not_read():
    with running(FEW, application=echo) as (_, port):
        client = Client(port, request("/", "POST", Transfer_Encoding="chunked") + b"3\r\nabc\r\n")
        status, headers, body = client.answer()
        assert (status, headers["x-unread"], body) == (200, "True", b"")


def test_bodies_share_a_bounded_place_by_person_and_in_all(spool):
    bodies = [Body(spool, who=who) for who in ("a", "b")]
    for body in bodies:
        assert not body.book(10)
        body.add(b"x" * 10)
    assert bodies[0].book(50)
    with pytest.raises(SpoolFull):
        bodies[0].book(1)
    with pytest.raises(SpoolFull):
        bodies[1].book(40)
    for body in bodies:
        body.close()
    assert not spool.taken
    assert list(spool.folder.iterdir()) == []


def test_a_full_place_is_a_refusal_and_what_was_taken_comes_back():
    bounds = replace(FEW, spool_each=100_000)
    with running(bounds, application=echo) as (server, port):
        big = request("/", "POST", length=200_000) + b"x" * 200_000
        status, headers, _ = Client(port, big).answer()
        assert (status, headers["retry-after"]) == (503, "2")
        assert not server.config.app.spool.taken
        assert asked(port)[0] == 200


def test_without_the_bound_everything_is_taken(monkeypatch):
    monkeypatch.setattr(Spool, "take", lambda self, count, *, who: None)
    monkeypatch.setattr(Spool, "give_back", lambda self, count, *, who: None)
    with running(replace(FEW, spool_each=100_000), application=echo) as (_, port):
        assert Client(port, request("/", "POST", length=200_000) + b"x" * 200_000).answer()[0] == 200


# --- The line ---------------------------------------------------------------------------------------------------------


class Slow:
    """An application that answers when it is let go."""

    def __init__(self):
        self.began, self.go_on = threading.Semaphore(0), threading.Event()

    def __call__(self, environ, start):
        self.began.release()
        self.go_on.wait(PATIENCE)
        return plain(environ, start)


@pytest.mark.parametrize(("waiting", "statuses"), [(0, [503]), (1, [200])])
def test_beyond_a_short_line_there_is_an_early_503(waiting, statuses):
    slow = Slow()
    bounds = replace(FEW, waiting=waiting, waiting_seconds=PATIENCE)
    with running(bounds, application=slow) as (server, port), many(port, request(), 2) as working:
        for _ in working:
            assert slow.began.acquire(timeout=PATIENCE)
        more = Client(port, request(Accept="application/json"))
        if waiting:
            while not server.config.app.seats.line:
                threading.Event().wait(0.01)
            slow.go_on.set()
        status, headers, _ = more.answer()
        assert [status] == statuses
        assert ("retry-after" in headers) == (status == 503)
        slow.go_on.set()
        assert [client.answer()[0] for client in working] == [200, 200]


def test_who_waits_too_long_is_told_so():
    slow = Slow()
    with running(replace(FEW, waiting_seconds=0.05), application=slow) as (_, port), many(port, request(), 2):
        for _ in range(2):
            assert slow.began.acquire(timeout=PATIENCE)
        assert asked(port, "/api/v1/status/")[0] == 503
        slow.go_on.set()


def test_a_client_that_leaves_leaves_the_line():
    slow = Slow()
    with running(replace(FEW, waiting=1, waiting_seconds=PATIENCE), application=slow) as (server, port):
        line = server.config.app.seats.line
        with many(port, request(), 2):
            for _ in range(2):
                assert slow.began.acquire(timeout=PATIENCE)
            gone = Client(port, request())
            while not line:
                threading.Event().wait(0.01)
            gone.close()
            while line:
                threading.Event().wait(0.01)
            slow.go_on.set()


def test_healthz_needs_no_thread():
    slow = Slow()
    with running(replace(FEW, waiting=0), application=slow) as (_, port), many(port, request(), 2):
        for _ in range(2):
            assert slow.began.acquire(timeout=PATIENCE)
        assert asked(port, "/healthz")[::2] == (200, b"ok\n")
        slow.go_on.set()


def test_a_refusal_speaks_the_callers_form_and_language():
    head = {"path": "/", "method": "GET", "headers": []}
    page = early.refusal(early.BUSY, head, retry_after=2)
    assert b"Back in a moment" in page.body
    assert (b"retry-after", b"2") in page.headers
    said = early.refusal(early.SLOW_BODY, head | {"path": "/api/v1/images/"}, retry_after=2)
    assert (said.status, b'"code": "too_slow"' in said.body) == (408, True)
    chinese = early.refusal(early.BUSY, head | {"headers": [(b"accept-language", b"zh-CN")]}, retry_after=2)
    assert b"Back in a moment" not in chinese.body


# --- Connections by address ------------------------------------------------------------------------------------------


class Held:
    """A connection, as the watch sees it."""

    def __init__(self, since=None):
        self.since, self.aborted = since, False

    def abort(self):
        self.aborted = True

    def overdue(self, now):
        return ""


def test_one_address_has_a_few_connections_and_its_slowest_makes_room():
    looking = watch.Watch(replace(FEW, connections_each=2))
    slow, slower, busy, more = Held(5), Held(3), Held(), Held()
    assert looking.join(slow, "a")
    assert looking.join(slower, "a")
    assert looking.join(busy, "a")
    assert (slow.aborted, slower.aborted) == (False, True)
    looking.leave(slower, "a")
    slow.since = None
    assert not looking.join(more, "a")
    assert looking.join(more, "b")


def test_in_all_there_is_room_for_the_newest():
    looking = watch.Watch(replace(FEW, connections=2))
    held = [Held(number) for number in range(3)]
    for one in held:
        looking.add(one)
    assert [one.aborted for one in held] == [True, False, False]


@pytest.mark.parametrize(
    ("address", "counted"),
    [("192.0.2.7", "192.0.2.7"), ("127.0.0.1", ""), ("::1", ""), ("::ffff:192.0.2.7", "192.0.2.7"),
     ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:127.0.0.2", "")],
)  # fmt: skip
def test_what_counts_as_one_address(address, counted):
    assert watch.network(address) == counted


EACH = replace(FEW, connections_each=3, waiting=100, waiting_seconds=PATIENCE)


def held_back(port, count, **headers):
    """How many of so many half-sent bodies the server still holds once it has seen the last."""
    sent = request("/", "POST", length=100, **headers)
    clients = [Client(port, sent) for _ in range(count)]
    assert asked(port, "/healthz")[0] == 200
    clients[-1].send(b"x" * 100)
    assert clients[-1].answer()[0] == 200
    for client in clients:
        client.socket.settimeout(0.2)
    open_still = 0
    for client in clients:
        try:
            open_still += bool(client.socket.recv(1))
        except TimeoutError:
            open_still += 1
        except OSError:
            pass
        client.close()
    return open_still


def test_connections_are_counted_by_their_real_address(monkeypatch):
    monkeypatch.setattr(connection, "network", lambda address: address)  # as if this were another machine
    with running(EACH) as (_, port):
        assert held_back(port, 6) <= EACH.connections_each
    monkeypatch.setattr(watch.Watch, "join", lambda *_: True)
    with running(EACH) as (_, port):
        assert held_back(port, 6) == 6


def test_behind_a_proxy_the_told_address_counts_and_never_the_proxy(monkeypatch):
    monkeypatch.setattr(connection, "network", lambda address: address)
    with override_settings(IMAGESEARCH=replace(conf.get(), proxies=1)), running(EACH) as (server, port):
        assert held_back(port, 6, X_Forwarded_For="9.9.9.9, 192.0.2.1") <= EACH.connections_each
        clients = [Client(port, request(X_Forwarded_For=f"192.0.2.{number}")) for number in range(9)]
        assert [client.answer()[0] for client in clients] == [200] * 9
        while server.watch.groups:  # each leaves as soon as its answer is sent
            threading.Event().wait(0.01)


def test_an_address_whose_requests_are_all_being_worked_on_gets_no_more(monkeypatch):
    slow = Slow()
    bounds = replace(EACH, connections_each=2)
    with override_settings(IMAGESEARCH=replace(conf.get(), proxies=1)), running(bounds, application=slow) as (_, port):
        head = request(X_Forwarded_For="192.0.2.1")
        with many(port, head, 2):
            for _ in range(2):
                assert slow.began.acquire(timeout=PATIENCE)
            assert Client(port, head).answer()[0] == 503
            slow.go_on.set()


# --- The end ----------------------------------------------------------------------------------------------------------


def test_a_stop_waits_for_what_is_worked_on_and_for_nothing_else():
    slow = Slow()
    with running(replace(FEW, stop_seconds=PATIENCE), application=slow) as (server, port):
        half = Client(port, request("/", "POST", length=100))
        idle = Client(port, request("/healthz"))
        assert idle.answer()[0] == 200
        working = Client(port, request())
        assert slow.began.acquire(timeout=PATIENCE)
        server.should_exit = True
        assert half.ended()
        assert idle.ended()
        slow.go_on.set()
        assert working.answer()[0] == 200


def test_what_an_earlier_process_left_is_removed(tmp_path, monkeypatch):
    (tmp_path / "old.upload").write_bytes(b"x")
    monkeypatch.setattr("imagesearch.front.spool.OLD_SECONDS", -60)
    Spool(tmp_path, FEW).tidy()
    assert list(tmp_path.iterdir()) == []


def test_seats_go_to_the_next_and_come_back(monkeypatch):
    with running(FEW) as (server, port):
        found: seats.Seats = server.config.app.seats
        assert [asked(port)[0] for _ in range(5)] == [200] * 5
        while found.free < FEW.threads:
            threading.Event().wait(0.01)
        assert not found.line


def test_an_answer_without_a_file_closes_nothing():
    Answer().close()


# --- Headers ----------------------------------------------------------------------------------------------------------


def crooked(port):
    client = Client(port, b"no request at all\r\n\r\n")
    return client.answer()


@pytest.mark.parametrize("ask", [lambda port: asked(port, "/healthz"), crooked], ids=["alive", "unreadable"])
def test_what_the_front_answers_by_itself_has_the_headers_of_every_answer(ask):
    with running(FEW) as (_, port):
        status, headers, _ = ask(port)
    assert status in {200, 400}
    for name, value in headers_without_django("/healthz"):
        assert headers[name.decode()] == value.decode()


def test_who_is_turned_away_gets_the_headers_of_every_answer():
    answer = early.refusal(early.BUSY, {"headers": [], "path": "/", "method": "GET"}, retry_after=2)
    assert set(headers_without_django("/")) <= set(answer.headers)


# --- The start --------------------------------------------------------------------------------------------------------


def test_what_is_loaded_beside_begins_once_the_server_listens():
    server = serving.server(plain, FEW, host="127.0.0.1", port=0)
    listening = []

    def listens():
        listening.append(bool(server.servers))
        server.should_exit = True

    server.listens = listens
    server.run()
    assert listening == [True]


def test_the_pages_are_loaded_before_the_server_listens_and_the_encoder_is_not():
    script = (
        "import sys, threading; from imagesearch import wsgi; "
        "print('retrieval.web.views.search' in sys.modules, 'load-encoder' in [t.name for t in threading.enumerate()])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
