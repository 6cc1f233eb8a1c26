"""The scheduler survives clocks that were moved, is alone, and says that it is alive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from celery import Celery, beat
from django.db import connection
from django.utils import timezone

from imagesearch import scheduler
from imagesearch.scheduler import Post, Scheduler
from retrieval import checks
from retrieval.models import EmbeddingJob, Encoder, Heartbeat
from retrieval.services.operations import clocks, status
from retrieval.work import jobs
from tests.factories import EncoderFactory, ImageFactory, job

YEAR = timedelta(days=365)


class Clock:
    """What the scheduler takes for the time; the tests move it."""

    def __init__(self):
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.time

    def run(self, scheduler, seconds):
        """Let so much time pass, with a look at each second; return what was sent."""
        before = len(scheduler.sent)
        for _ in range(seconds):
            self.time += timedelta(seconds=1)
            while scheduler.tick() == 0:
                pass
        return scheduler.sent[before:]


def started(kind, clock, monkeypatch):
    """A scheduler with one task each half minute and one each hour, whose messages go into a list."""
    app = Celery("clocks", set_as_current=False)
    app.conf.beat_schedule = {
        "often": {"task": "often", "schedule": 30.0},
        "hourly": {"task": "hourly", "schedule": 3600.0},
    }
    monkeypatch.setattr(app, "now", clock)
    made = kind(app)
    made.sent = []
    monkeypatch.setattr(made, "apply_async", lambda entry, **_: made.sent.append(entry.name))
    monkeypatch.setattr(made, "send_task", lambda name, **_: made.sent.append(name))
    monkeypatch.setattr(beat.Scheduler, "producer", None)
    return made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def on_post(monkeypatch):
    monkeypatch.setattr(Post, "hold", lambda self: True)


def test_what_is_due_is_sent(clock, on_post, monkeypatch):
    assert clock.run(started(Scheduler, clock, monkeypatch), 95) == ["often"] * 3


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=5), YEAR, 50 * YEAR])
def test_a_clock_that_was_ahead_costs_one_round(clock, on_post, monkeypatch, ahead):
    made = started(Scheduler, clock, monkeypatch)
    clock.run(made, 40)
    clock.time += ahead
    clock.run(made, 40)
    clock.time -= ahead
    after = clock.run(made, 95)
    assert after.count("often") >= 3
    assert after.count("retrieval.tasks.set_times_right") == 1
    assert "hourly" in clock.run(made, 3700)


def test_a_clock_that_is_set_back_costs_one_round(clock, on_post, monkeypatch):
    made = started(Scheduler, clock, monkeypatch)
    clock.run(made, 40)
    clock.time -= YEAR
    assert clock.run(made, 95).count("often") >= 3
    assert "hourly" in clock.run(made, 3700)


def test_celerys_own_scheduler_is_silenced_by_it(clock, monkeypatch):
    """The control."""
    made = started(beat.Scheduler, clock, monkeypatch)
    clock.run(made, 40)
    clock.time -= YEAR
    assert clock.run(made, 4000) == []


@pytest.mark.django_db(transaction=True)
def test_one_scheduler_is_enough_and_the_next_takes_over():
    first, second = Post(), Post()
    try:
        assert first.hold()
        assert not second.hold()
        first.leave()
        assert second.hold()
        assert not first.hold()
    finally:
        first.leave()
        second.leave()


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_the_post_sends_nothing(clock, monkeypatch):
    other, made = Post(), started(Scheduler, clock, monkeypatch)
    try:
        assert other.hold()
        assert clock.run(made, 95) == []
        other.leave()
        assert clock.run(made, 95)
    finally:
        other.leave()
        made.post.leave()


@pytest.mark.django_db(transaction=True)
def test_the_post_shows_signs_of_life_now_and_then():
    post = Post()
    try:
        assert checks.scheduler()
        assert post.hold()
        assert checks.scheduler() is None
        Heartbeat.objects.all().delete()
        assert post.hold()
        assert not Heartbeat.objects.exists()
        post._beaten -= scheduler.BEAT_SECONDS
        assert post.hold()
        assert status.services()["scheduler"]
    finally:
        post.leave()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_comes_back_finds_the_scheduler_again(monkeypatch):
    post = Post()
    try:
        assert post.hold()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [post._connection.info.backend_pid])
        post._beaten -= scheduler.BEAT_SECONDS
        assert not post.hold()
        assert post.hold()
        post.leave()
        monkeypatch.setattr(psycopg, "connect", lambda **_: (_ for _ in ()).throw(psycopg.OperationalError("away")))
        assert not post.hold()
    finally:
        post.leave()


@pytest.mark.django_db
def test_what_is_done_once_a_night_is_done_once_whatever_the_clock_said():
    night = timedelta(hours=20)
    assert status.take_turn("x", every=night)
    assert not status.take_turn("x", every=night)
    assert status.take_turn("y", every=night)
    for moved in (-night, YEAR):
        Heartbeat.objects.filter(name="turn x").update(at=timezone.now() + moved)
        assert status.take_turn("x", every=night)
        assert not status.take_turn("x", every=night)


@pytest.mark.django_db
def test_a_picture_that_was_put_in_by_a_wrong_clock_does_not_wait_for_it():
    encoder, image = EncoderFactory(dimension=3), ImageFactory()
    job(image, encoder, next_attempt_at=timezone.now() + YEAR)
    assert not jobs.more_due()
    assert clocks.set_right() == 1
    assert jobs.more_due()
    assert clocks.set_right() == 0
    assert (EmbeddingJob.objects.count(), Encoder.objects.count()) == (1, 1)
