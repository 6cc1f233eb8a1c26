"""Messages to the workers: sent beside the request, and never waited for."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import redis
from celery.signals import beat_init, celeryd_init, task_prerun
from django.db import OperationalError as DatabaseAway
from django.db import connection
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from imagesearch import ready
from imagesearch.celery import schedule
from retrieval import broker as counts
from retrieval import live_encoders, tasks, weight_files
from retrieval.errors import WeightsError
from retrieval.models import Encoder
from retrieval.services.operations import status
from retrieval.work import messages
from tests.counts import forget


@pytest.fixture(autouse=True)
def no_pause_and_no_marks(monkeypatch):
    monkeypatch.setattr(messages, "PAUSE", 0)
    forget()


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
    messages.wait_until_sent()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_keeps_nobody_waiting(broker):
    go, sent = broker
    for number in range(3 * messages.IN_LINE):
        tasks.wake(tasks.embed, str(number))
    assert sent == []
    go.set()
    messages.wait_until_sent()
    assert sent == [["in hand"], *([str(number)] for number in range(messages.IN_LINE))]
    tasks.wake(tasks.embed, "later")
    messages.wait_until_sent()
    assert sent[-1] == ["later"]


@pytest.mark.django_db(transaction=True)
def test_messages_of_one_moment_are_sent_once(broker):
    go, sent = broker
    for _ in range(100):
        tasks.wake(tasks.embed)
    go.set()
    messages.wait_until_sent()
    assert sent == [["in hand"], []]


@pytest.mark.django_db(transaction=True)
def test_a_message_in_hand_does_not_speak_for_what_comes_after_it(broker):
    go, sent = broker
    begin(tasks.embed, "in hand")  # a worker has it before its sender knows that it is sent
    tasks.wake(tasks.embed, "in hand")
    go.set()
    messages.wait_until_sent()
    assert sent == [["in hand"], ["in hand"]]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_leaves_room_for_the_next_message(monkeypatch):
    def away(args):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.embed, "apply_async", away)
    for number in range(2 * messages.IN_LINE):
        tasks.wake(tasks.embed, str(number))
        messages.wait_until_sent()
    assert not messages._in_line


def begin(task, *words):
    """What Celery does in a worker before it calls the task."""
    task_prerun.send(sender=task, task_id="1", task=task, args=list(words), kwargs={})


@pytest.fixture
def sent(monkeypatch):
    """What reached the broker, nobody beginning it."""
    told = []
    for task in (tasks.embed, tasks.find_copies):
        monkeypatch.setattr(task, "apply_async", lambda args, task=task: told.append((task.name.split(".")[-1], *args)))
    return told


def test_a_message_that_waits_for_a_worker_is_not_sent_again_by_anybody(sent):
    for _ in range(3):
        messages.send(tasks.find_copies)
    messages.send(tasks.embed)
    messages.send(tasks.embed, ("one",))
    messages.send(tasks.embed, ("another",))
    messages.send(tasks.embed, ("one",))
    assert sent == [("find_copies",), ("embed",), ("embed", "one"), ("embed", "another")]


def test_without_its_mark_each_is_sent(sent, monkeypatch):
    monkeypatch.setattr(messages, "_set", lambda mark: True)
    for _ in range(3):
        messages.send(tasks.find_copies)
    assert sent == [("find_copies",)] * 3


def test_what_is_committed_after_a_worker_began_is_sent_for(sent):
    """Taken away before the task looks at anything: one whose mark went at its end would miss what came meanwhile."""
    messages.send(tasks.embed)
    begin(tasks.embed, "one")  # another message
    messages.send(tasks.embed)
    assert sent == [("embed",)]
    begin(tasks.embed)
    messages.send(tasks.embed)
    assert sent == [("embed",)] * 2


def test_a_real_worker_takes_the_mark_away_before_its_task_looks(sent, monkeypatch):
    """Through Celery's own tracing: the task's body sends the same message again, as one with more to do does."""
    messages.send(tasks.find_copies)
    monkeypatch.setattr(tasks, "_beat", lambda: None)
    monkeypatch.setattr(tasks.features, "work", lambda: True)
    tasks.find_copies.apply()
    assert sent == [("find_copies",)] * 2


def test_a_message_that_was_lost_keeps_no_other_away_for_long(sent):
    messages.send(tasks.embed)
    assert 0 < counts.client().ttl(messages._mark(tasks.embed, ())) <= messages.MARK_SECONDS < 30


def test_a_message_that_was_not_sent_leaves_no_mark(monkeypatch):
    tried = []

    def away(args):
        tried.append(args)
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.embed, "apply_async", away)
    for _ in range(2):
        messages.send(tasks.embed)
    assert len(tried) == 2


@pytest.mark.parametrize("error", [redis.TimeoutError("hangs"), redis.OutOfMemoryError("full")], ids=["hangs", "full"])
def test_a_broker_that_keeps_no_mark_is_sent_all_the_same(sent, monkeypatch, error):
    """Celery may reach it by then; whether it does is told by the sending."""
    for name in ("set", "delete"):
        monkeypatch.setattr(counts.client(), name, mock.Mock(side_effect=error))
    for _ in range(2):
        messages.send(tasks.embed)
    begin(tasks.embed)
    assert sent == [("embed",)] * 2


@pytest.mark.django_db(transaction=True)
def test_a_starting_worker_leaves_celery_no_connection_to_cut():
    Encoder.objects.count()
    assert connection.connection
    tasks.load_encoder()
    assert connection.connection is None


@pytest.mark.django_db
def test_wrong_weights_are_one_line_of_a_child(monkeypatch):
    def broken():
        raise WeightsError("The weights file x.safetensors was altered.")

    monkeypatch.setattr(live_encoders, "active", broken)
    with capture_logs() as said:
        tasks.load_encoder()
    assert [entry["reason"] for entry in said] == ["The weights file x.safetensors was altered."]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_ready_shows_a_sign_of_life_before_its_first_task(monkeypatch):
    monkeypatch.setattr(live_encoders, "active", lambda: None)
    monkeypatch.setattr(status, "_beaten", {})
    assert not status.services()["worker"]
    tasks.load_encoder()
    assert status.services()["worker"]


@pytest.mark.django_db
def test_a_database_that_is_away_is_one_line_when_a_worker_starts(monkeypatch):
    def away():
        raise DatabaseAway("no route")

    monkeypatch.setattr(live_encoders, "active", away)
    with capture_logs() as said:
        tasks.load_encoder()
    assert [(entry["event"], entry["reason"]) for entry in said] == [("database_away", "no route")]


def test_a_scheduler_that_starts_asks_for_a_reconcile_at_once():
    """Through the real signal and the real broker, as after 30 seconds a person has long looked."""
    with schedule.connection() as broker:
        channel = broker.default_channel
        channel.queue_purge("embedding")
        channel.queue_purge("long")
        beat_init.send(sender=None)
        message = channel.basic_get("embedding", no_ack=True)
        assert message.headers["task"] == "retrieval.tasks.reconcile"
        assert channel.basic_get("embedding", no_ack=True) is None
        nightly = [channel.basic_get("long", no_ack=True).headers["task"] for _ in range(2)]
        assert nightly == ["retrieval.tasks.guard_recall", "retrieval.tasks.drop_expired"]


def first_of_many(**options):
    """The first three messages that a worker gets when upkeep is asked for behind fifty for pictures."""
    with schedule.connection() as broker:
        channel = broker.default_channel
        channel.queue_purge("embedding")
        for _ in range(50):
            tasks.embed.apply_async(args=[], **options)
        schedule.send_task("retrieval.tasks.reconcile")
        schedule.send_task("retrieval.tasks.purge")
        first = [channel.basic_get("embedding", no_ack=True).headers["task"] for _ in range(3)]
        channel.queue_purge("embedding")
    return [name.removeprefix("retrieval.tasks.") for name in first]


def test_upkeep_comes_before_any_number_of_pictures():
    assert first_of_many() == ["reconcile", "purge", "embed"]


def test_without_its_priority_upkeep_comes_after_all_pictures():
    assert first_of_many(priority=0) == ["embed"] * 3


@pytest.mark.parametrize("task", [tasks.embed, tasks.derive], ids=lambda task: task.name)
def test_a_message_that_sends_itself_again_ends_by_itself(task):
    with schedule.connection() as broker:
        channel = broker.default_channel
        channel.queue_purge("embedding")
        task.apply_async(args=[])
        assert channel.basic_get("embedding", no_ack=True).headers["expires"]


@pytest.fixture
def weights(settings, tmp_path):
    """The file of the active encoder's weights."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, weights_dir=tmp_path)
    file = tmp_path / "own.safetensors"
    file.write_bytes(bytes(range(256)))
    Encoder.objects.create(
        name="own", spec={}, dimension=8, state="active", trained=True,
        weights_name=file.name, weights_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )  # fmt: skip
    return file


def start_a_worker(*queues):
    """What Celery does first of all when a worker starts; None of the names means the default queue."""
    celeryd_init.send(sender="one@here", instance=None, conf=None, options={"queues": list(queues) or None})


def flip_a_bit(file):
    file.write_bytes(b"\1" + file.read_bytes()[1:])


def cut(file):
    os.truncate(file, 128)


DAMAGE = pytest.mark.parametrize("damage", [flip_a_bit, cut, Path.unlink])


def a_worker_refuses_to_start(*queues):
    """Assert that it ends with status 1 (so a text ends a program) and one line that names the file."""
    said = ""
    try:
        start_a_worker(*queues)
    except SystemExit as end:
        said = end.code
    assert said, "it started"
    assert said.startswith("The worker does not start: ")
    assert "own.safetensors" in said
    assert "\n" not in said


@DAMAGE
@pytest.mark.parametrize("queues", [(), ("embedding",), ("long", "embedding")])
@pytest.mark.django_db(transaction=True)
def test_wrong_weights_end_a_worker_that_is_to_embed(weights, damage, queues):
    start_a_worker(*queues)
    damage(weights)
    a_worker_refuses_to_start(*queues)
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_a_site_starts_without_weights_as_its_worker_tells_first_that_it_is_there(weights, tmp_path, monkeypatch):
    file = tmp_path / "ready"
    monkeypatch.setenv(ready.VARIABLE, str(file))
    weights.unlink()
    a_worker_refuses_to_start("embedding")
    assert file.exists()


@DAMAGE
@pytest.mark.django_db(transaction=True)
def test_a_worker_for_long_jobs_starts_without_weights(weights, damage):
    damage(weights)
    start_a_worker("long")


@pytest.mark.parametrize("damage", [flip_a_bit, cut])
@pytest.mark.django_db(transaction=True)
def test_without_the_digest_a_worker_starts_with_wrong_weights(weights, damage, monkeypatch):
    monkeypatch.setattr(weight_files, "_sha256", lambda *_: Encoder.objects.get().weights_sha256)
    damage(weights)
    with pytest.raises(AssertionError, match="it started"):
        a_worker_refuses_to_start("embedding")


@pytest.mark.django_db(transaction=True)
def test_a_worker_starts_with_an_untrained_encoder_with_none_and_without_the_database(monkeypatch):
    start_a_worker("embedding")
    Encoder.objects.create(name="untrained", spec={}, dimension=8, state="active")
    start_a_worker("embedding")

    def away(_):
        raise DatabaseAway("the server is away")

    monkeypatch.setattr(type(Encoder.objects.all()), "active", away)
    start_a_worker("embedding")
