"""Services with one guard taken away: what each of them keeps from happening under faults."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from django.db import DataError, OperationalError, connections, transaction
from django.utils import timezone

from retrieval import conf, live_encoders, tasks
from retrieval.errors import InvalidInput, RetrievalError
from retrieval.ingest import files
from retrieval.models import Collection, EmbeddingJob, Encoder, EncoderState, Image, JobState
from retrieval.services.images import collections, images, purging
from retrieval.services.operations import audit, backup
from retrieval.services.searching import reading, search
from retrieval.services.searching.search import SearchRequest
from retrieval.work import jobs, ledger, messages, pipeline
from tests.factories import EncoderFactory, ImageFactory, job
from tests.services.test_jobs import ColourEncoder, png, put_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)


@pytest.fixture
def live(monkeypatch):
    """A network that gives the mean colour."""
    fake = ColourEncoder()
    monkeypatch.setattr(live_encoders, "for_row", lambda row: fake)
    return EncoderFactory(dimension=3)


class AtOnce:
    """An executor that does the work before it returns."""

    def submit(self, act, *args):
        act(*args)


def seconds(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


@pytest.mark.django_db(transaction=True)
def test_without_the_sender_a_request_waits_for_a_broker_that_hangs(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(tasks.embed, "apply_async", lambda args: go.wait(1))
    monkeypatch.setattr(messages, "PAUSE", 0)
    assert seconds(lambda: tasks.wake(tasks.embed, "one")) < 0.5
    messages.wait_until_sent()
    monkeypatch.setattr(messages, "_sender", AtOnce())
    assert seconds(lambda: tasks.wake(tasks.embed, "another")) >= 1


def test_where_the_database_is_taken_for_the_picture_an_attempt_is_lost(live, monkeypatch):
    put_in(1)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "finish", mock.Mock(side_effect=OperationalError("terminating connection")))
        patch.setattr(pipeline, "NOT_THE_PICTURE", ())
        with pytest.raises(OperationalError):
            jobs.embed()
    assert jobs.embed() == 0
    row = EmbeddingJob.objects.get()
    assert (row.state, row.attempts) == (JobState.RUNNING, 1)


def found_by_audit():
    return {finding.code for check in audit.checks() for finding in check.run()}


def test_files_that_come_after_the_commit_leave_a_row_without_its_file(live, monkeypatch):
    monkeypatch.setattr(files, "place", lambda placed: None)
    put_in(1)
    assert Image.objects.count() == 1
    jobs.embed()
    assert any("original" in code for code in found_by_audit())


def test_without_its_own_name_a_full_disk_is_nobody_s_answer(live, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(files, "NO_ROOM", set())
    with pytest.raises(OSError, match="No space left"):
        put_in(1)


@pytest.mark.parametrize(("bound", "batches"), [(0, 1), (10**6, 4)])
def test_without_a_bound_on_its_time_a_task_goes_on_while_there_is_work(live, settings, monkeypatch, bound, batches):
    size = pipeline.SMALL_BATCH
    settings.IMAGESEARCH = replace(conf.get(), ledger=replace(conf.get().ledger, batch=size))
    put_in(4 * size)
    monkeypatch.setattr(pipeline, "WORK_SECONDS", bound)
    assert jobs.embed() == batches * size


def stopped_thrice():
    """A job whose worker was stopped three times before one passing error."""
    encoder = EncoderFactory(dimension=3)
    row = job(ImageFactory(), encoder)
    for _ in range(2):
        ledger.claim(encoder)
        EmbeddingJob.objects.update(lease_until=timezone.now())
    claim = ledger.claim(encoder)
    ledger.fail(claim, {row.image_id: RetrievalError("busy", code="decoders_busy")}, final=False)
    row.refresh_from_db()
    return row.state


def test_where_stops_count_as_bad_ends_a_picture_is_recorded_as_failed(monkeypatch):
    assert stopped_thrice() == JobState.PENDING
    Encoder.objects.update(state=EncoderState.RETIRED)
    monkeypatch.setattr(ledger, "_bad_ends", lambda row: row.attempts - 1)
    assert stopped_thrice() == JobState.FAILED


def elsewhere(act):
    """Do it in another thread by another connection, as another process does."""

    def then_close():
        act()
        connections.close_all()

    thread = threading.Thread(target=then_close)
    thread.start()
    thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_without_the_pause_a_purge_takes_files_out_of_a_backup(live, tmp_path, monkeypatch, guarded):
    put_in(3)
    collection = Collection.objects.get()

    def take_away():
        collections.delete(collection, user=collection.owner)
        Image.objects.update(deleted_at="2026-01-01T00:00:00Z")
        images.purge_deleted()

    def meanwhile(what, done, total):
        if (what, done) == ("database", 0):
            elsewhere(take_away)

    if not guarded:
        monkeypatch.setattr(purging, "paused", contextlib.nullcontext)
    with contextlib.nullcontext() if guarded else pytest.raises(InvalidInput):
        assert backup.backup(tmp_path / "all.tar", progress=meanwhile).images == 3


def test_where_the_encoder_is_read_twice_an_answer_mixes_two(live, monkeypatch):
    put_in(2)
    jobs.embed()
    owner, real = Collection.objects.get().owner, reading._vector

    def switched(request, pictures, *, encoder, watch):
        Encoder.objects.filter(pk=live.pk).update(state=EncoderState.RETIRED)
        EncoderFactory(dimension=5, name="next")
        monkeypatch.setattr(live_encoders, "for_row", lambda row: Wider())
        return real(request, pictures, encoder=Encoder.objects.active(), watch=watch)

    monkeypatch.setattr(reading, "_vector", switched)
    with pytest.raises(DataError), transaction.atomic():
        search.run(SearchRequest(file=png((1, 2, 3))), user=owner)


class Wider:
    """Another network."""

    def encode(self, pictures):
        return np.ones((len(pictures), 5), dtype=np.float32)
