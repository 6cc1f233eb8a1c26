"""Lines of the log: who asked, no secrets, one line for what is refused, and no more than so many from one address."""

from __future__ import annotations

import json
import logging
import sys
from io import StringIO

import pytest
import structlog
from django.conf import settings
from django.test import Client

from imagesearch import logs
from retrieval import caller
from retrieval.api import errors
from tests.factories import UserFactory

TOKEN = "kZ3-x_a-one-time-token"


@pytest.fixture
def lines():
    """Every line that is written as in production, as dictionaries."""
    chosen = settings.LOGGING["formatters"]["line"]
    formatter = chosen["()"](processors=chosen["processors"], foreign_pre_chain=chosen["foreign_pre_chain"])
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(formatter)
    handler.addFilter(logs.Bounded())
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    root.removeHandler(handler)
    caller.set_current(caller.NOBODY)


@pytest.fixture
def person(db):
    return UserFactory(username="somebody")


def test_a_line_has_person_and_address(lines, person):
    client = Client()
    client.force_login(person)
    client.get("/metrics")
    Client().get("/nothing/")
    assert [(line["person"], line["address"]) for line in lines()] == [("somebody", "127.0.0.1"), (None, "127.0.0.1")]


def test_our_own_lines_have_them_too(lines, person):
    caller.set_current(caller.Caller("192.0.2.7", "", lambda: person))
    errors.log.error("api_failed", path="/x")
    caller.set_current(caller.NOBODY)
    errors.log.error("nobody_asked")
    first, second = lines()
    assert (first["event"], first["path"]) == ("api_failed", "/x")
    assert (first["person"], first["address"]) == ("somebody", "192.0.2.7")
    assert (second["person"], second["address"]) == (None, None)


def test_nothing_of_a_request_is_left_for_the_next_line(lines, db):
    Client().get("/nothing/")
    logging.getLogger("later").warning("words")
    assert lines()[-1]["address"] is None


@pytest.mark.parametrize("method", ["get", "post", "head"])
@pytest.mark.parametrize(("place", "rest"), [("first", ""), ("shared", "/")])
def test_the_token_of_a_refused_link_is_in_no_line(lines, db, method, place, rest):
    getattr(Client(), method)(f"/{place}/{TOKEN}{rest}", {"next": "x"})
    logging.getLogger("words").warning("Referer: https://a.example/%s/%s?x", place, TOKEN)
    try:
        raise ValueError(f"/{place}/{TOKEN}")
    except ValueError:
        logging.getLogger("words").exception("failed")
    assert len(lines()) == 3
    assert TOKEN not in str(lines())
    assert f"/{place}/..." in str(lines())


def test_without_the_last_look_it_would_be(db):
    line = json.dumps({"event": f"Not Found: /first/{TOKEN}"})
    assert TOKEN in line
    assert TOKEN not in logs.without_secrets(None, "", line)


def test_a_foreign_host_costs_one_short_line(lines, db):
    assert Client(HTTP_HOST="evil.example").get("/login/").status_code == 400
    (line,) = lines()
    assert "evil.example" in line["event"]
    assert "exception" not in line
    assert line["address"] == "127.0.0.1"


def test_a_fault_of_ours_keeps_its_traceback(lines):
    try:
        raise ValueError("ours")
    except ValueError:
        logging.getLogger("django.request").error("failed", exc_info=sys.exc_info())
    assert "ours" in lines()[0]["exception"]


def test_one_address_cannot_fill_the_log_and_hides_nobodys_lines(lines, monkeypatch):
    monkeypatch.setattr(logs, "LINES_PER_ADDRESS", 5)
    own, djangos = structlog.get_logger("ours"), logging.getLogger("theirs")
    for log in (own, djangos):
        caller.set_current(caller.Caller(f"192.0.2.{len(lines())}"))
        for _ in range(50):
            log.warning("noise")
    caller.set_current(caller.Caller("192.0.2.99"))
    djangos.warning("another")
    caller.set_current(caller.NOBODY)
    djangos.warning("ours")
    assert [line["event"] for line in lines()] == [*(["noise"] * 5 + [logs.HELD_BACK]) * 2, "another", "ours"]
