"""Messages to the workers: sent beside the request, and never waited for."""

from __future__ import annotations

import threading

import pytest
from celery.signals import beat_init
from django.db import OperationalError as DatabaseAway
from django.db import connection
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from imagesearch.celery import schedule
from retrieval import encoders, tasks
from retrieval.errors import WeightsError
from retrieval.models import Encoder
from retrieval.services import status


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(tasks, "PAUSE_BETWEEN_MESSAGES", 0)


@pytest.fixture
def broker(monkeypatch):
    """A broker that takes one message in hand and hangs until it is let go; tells what it has taken in."""
    go, taking, sent = threading.Event(), threading.Event(), []

    def apply_async(args):
        taking.set()
        go.wait()
        sent.append(args)

    monkeypatch.setattr(tasks.embed, "apply_async", apply_async)
    tasks.wake(tasks.embed, "in hand")
    assert taking.wait(30)
    yield go, sent
    go.set()
    wait_until_sent()


def wait_until_sent():
    """Wait until the sender has nothing left."""
    tasks._sender.submit(lambda: None).result(30)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_keeps_nobody_waiting(broker):
    go, sent = broker
    for number in range(3 * tasks.MESSAGES_WAITING):
        tasks.wake(tasks.embed, str(number))
    assert sent == []
    go.set()
    wait_until_sent()
    assert sent == [["in hand"], *([str(number)] for number in range(tasks.MESSAGES_WAITING))]
    tasks.wake(tasks.embed, "later")
    wait_until_sent()
    assert sent[-1] == ["later"]


@pytest.mark.django_db(transaction=True)
def test_messages_of_one_moment_are_sent_once(broker):
    go, sent = broker
    for _ in range(100):
        tasks.wake(tasks.embed)
    go.set()
    wait_until_sent()
    assert sent == [["in hand"], []]


@pytest.mark.django_db(transaction=True)
def test_a_message_in_hand_does_not_speak_for_what_comes_after_it(broker):
    go, sent = broker
    tasks.wake(tasks.embed, "in hand")
    go.set()
    wait_until_sent()
    assert sent == [["in hand"], ["in hand"]]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_leaves_room_for_the_next_message(monkeypatch):
    def away(args):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.embed, "apply_async", away)
    for number in range(2 * tasks.MESSAGES_WAITING):
        tasks.wake(tasks.embed, str(number))
        wait_until_sent()
    assert not tasks._waiting


@pytest.mark.django_db(transaction=True)
def test_a_starting_worker_leaves_celery_no_connection_to_cut():
    Encoder.objects.count()
    assert connection.connection
    tasks.load_encoder()
    assert connection.connection is None


@pytest.mark.django_db
def test_wrong_weights_are_one_line_when_a_worker_starts(monkeypatch):
    def broken():
        raise WeightsError("The weights file x.safetensors was altered.")

    monkeypatch.setattr(encoders, "active", broken)
    with capture_logs() as said:
        tasks.load_encoder()
    assert [entry["reason"] for entry in said] == ["The weights file x.safetensors was altered."]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_ready_shows_a_sign_of_life_before_its_first_task(monkeypatch):
    monkeypatch.setattr(encoders, "active", lambda: None)
    monkeypatch.setattr(status, "_beaten", {})
    assert not status.services()["worker"]
    tasks.load_encoder()
    assert status.services()["worker"]


@pytest.mark.django_db
def test_a_database_that_is_away_is_one_line_when_a_worker_starts(monkeypatch):
    def away():
        raise DatabaseAway("no route")

    monkeypatch.setattr(encoders, "active", away)
    with capture_logs() as said:
        tasks.load_encoder()
    assert [(entry["event"], entry["reason"]) for entry in said] == [("database_away", "no route")]


def test_a_scheduler_that_starts_asks_for_a_reconcile_at_once():
    """Through the real signal and the real broker, as after 30 seconds a person has long looked."""
    with schedule.connection() as broker:
        channel = broker.default_channel
        channel.queue_purge("embedding")
        beat_init.send(sender=None)
        message = channel.basic_get("embedding", no_ack=True)
        assert message.headers["task"] == "retrieval.tasks.reconcile"
        assert channel.basic_get("embedding", no_ack=True) is None
