"""From the ledger to the vectors, with the real sandbox and a made-up network."""

from __future__ import annotations

import io
import os
import threading
import time
from concurrent.futures import Future, wait
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from django.db import OperationalError
from django.utils import timezone
from PIL import Image as Picture

from retrieval import conf, live_encoders
from retrieval.errors import Unavailable, WeightsError
from retrieval.ingest import sandbox, store
from retrieval.models import Embedding, EmbeddingJob, EncoderState, Heartbeat, Image, JobEvent, JobState
from retrieval.services.images import images
from retrieval.work import ending, jobs, ledger, long_jobs, pipeline
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory, job

pytestmark = pytest.mark.django_db


class ColourEncoder:
    """Gives the mean colour; waits at ``gate`` when there is one."""

    def __init__(self, gate=None):
        self.gate, self.batches = gate, []

    def encode(self, pictures):
        self.batches.append(len(pictures))
        if self.gate:
            self.gate()
        return np.array([picture.mean((0, 1)) + 1 for picture in pictures], dtype=np.float32)


@pytest.fixture
def encoder():
    return EncoderFactory(dimension=3)


@pytest.fixture
def live(monkeypatch, encoder):
    fake = ColourEncoder()
    monkeypatch.setattr(live_encoders, "for_row", lambda row: fake)
    return fake


def png(colour):
    buffer = io.BytesIO()
    Picture.new("RGB", (8, 6), colour).save(buffer, "PNG")
    return buffer.getvalue()


def put_in(count, collection=None):
    collection = collection or CollectionFactory()
    pictures = [png((number % 256, number // 256, 90)) for number in range(count)]
    uploads = [images.Upload(io.BytesIO(data), f"{number}.png") for number, data in enumerate(pictures)]
    return [images.add(upload, user=collection.owner, collection=collection).image for upload in uploads]


def status_of(image):
    return Image.objects.with_status().get(pk=image.pk).status


def test_a_picture_put_in_becomes_ready(live):
    (image,) = put_in(1)
    assert status_of(image) == "pending"
    assert jobs.embed(image.pk) == 1
    assert status_of(image) == "ready"
    stored = Embedding.objects.get()
    assert stored.length == pytest.approx(np.linalg.norm([1, 1, 91]), rel=1e-3)


def test_all_that_is_due_is_done_in_batches(live, settings):
    put_in(conf.get().ledger.batch + 3)
    assert jobs.embed() == conf.get().ledger.batch + 3
    assert live.batches == [conf.get().ledger.batch, 3]
    assert jobs.embed() == 0
    assert not jobs.more_due()


def test_a_picture_is_due_until_it_is_done(live):
    (image,) = put_in(1)
    assert jobs.is_due(image.pk)
    jobs.embed(image.pk)
    assert not jobs.is_due(image.pk)


def asleep(monkeypatch, during):
    """Do this in the place of each pause of the pipeline; returns the list of the pauses."""
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        during(len(pauses))

    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    return pauses


def test_after_a_small_batch_others_gather(live, monkeypatch):
    """What arrives one by one is done in few batches, as each costs the same statements."""
    put_in(1)
    pauses = asleep(monkeypatch, lambda number: put_in(3) if number == 1 else None)
    assert jobs.embed() == 4
    assert (live.batches, pauses) == ([1, 3], [pipeline.GATHER_SECONDS] * 2)


def test_a_job_that_was_tried_before_makes_nobody_wait(live, monkeypatch):
    put_in(1)
    EmbeddingJob.objects.update(attempts=1)
    pauses = asleep(monkeypatch, lambda _: None)
    assert (jobs.embed(), pauses) == (1, [])


def test_originals_that_this_host_does_not_see_cost_no_attempt(live):
    images = put_in(2)
    Heartbeat.objects.create(name="mark", kind="mark", detail={"mark": "of another folder"})
    for image in images:
        store.original(image.sha256).unlink()
    with pytest.raises(Unavailable, match="not the folder"):
        jobs.embed()
    assert [status_of(image) for image in images] == ["pending", "pending"]
    assert set(EmbeddingJob.objects.values_list("attempts", "state")) == {(0, "pending")}


def test_a_worker_that_is_to_end_finishes_what_is_decoded_and_gives_the_rest_back(live, monkeypatch):
    monkeypatch.setattr(ending, "_told", bytearray(1))
    monkeypatch.setattr(long_jobs, "stopping", threading.Event())
    images = put_in(3)
    slow, begin = Future(), sandbox.begin_query
    slow.set_running_or_notify_cancel()

    def begun(path, **options):
        return slow if path == store.original(images[0].sha256) else begin(path, **options)

    def decoded_but_one(futures, *, seconds):
        wait([future for future in futures if future is not slow])
        ending.say()

    monkeypatch.setattr(sandbox, "begin_query", begun)
    monkeypatch.setattr(ending, "wait_unless", decoded_but_one)
    assert jobs.embed() == 3
    assert [status_of(image) for image in images] == ["pending", "ready", "ready"]
    assert EmbeddingJob.objects.get(image_id=images[0].pk).attempts == 0


def test_waiting_ends_when_the_end_comes(monkeypatch):
    monkeypatch.setattr(ending, "_told", bytearray(1))
    monkeypatch.setattr(long_jobs, "stopping", threading.Event())
    never = Future()
    threading.Timer(0.05, ending.say).start()
    ending.wait_unless([never], seconds=600)
    assert ending.comes()
    assert not never.done()
    ending.wait_unless([never], seconds=600)


def test_the_end_is_told_to_children():
    pid = os.fork()
    if pid == 0:
        ending.say()
        os._exit(0)
    os.waitpid(pid, 0)
    assert ending.comes()
    ending._told[0] = 0


def test_a_missing_original_fails_that_picture_alone(live):
    good, bad = put_in(2)
    store.original(bad.sha256).unlink()
    jobs.embed()
    assert (status_of(good), status_of(bad)) == ("ready", "failed")
    assert EmbeddingJob.objects.get(image_id=bad.pk).error_code == "original_missing"


def test_a_damaged_original_fails_with_the_decoders_reason(live):
    (image,) = put_in(1)
    store.original(image.sha256).write_bytes(b"not a picture")
    jobs.embed()
    row = EmbeddingJob.objects.get()
    assert (row.state, row.attempts) == (JobState.FAILED, 1)
    assert row.error_code == "text_not_read"
    assert row.error_text


def test_wrong_weights_blame_no_picture(live, monkeypatch):
    (image,) = put_in(1)

    def broken(row):
        raise WeightsError("Altered.")

    monkeypatch.setattr(live_encoders, "for_row", broken)
    with pytest.raises(WeightsError):
        jobs.embed()
    row = EmbeddingJob.objects.get(image_id=image.pk)
    assert (row.state, row.attempts) == (JobState.PENDING, 0)


def test_a_database_that_went_away_blames_no_picture_and_the_next_task_goes_on(live, monkeypatch):
    (image,) = put_in(1)
    away = mock.Mock(side_effect=OperationalError("terminating connection"))
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "finish", away)
        patch.setattr(ledger, "give_back", away)
        with pytest.raises(OperationalError):
            jobs.embed()
    assert EmbeddingJob.objects.get().state == JobState.RUNNING
    jobs.embed()
    row = EmbeddingJob.objects.get(image_id=image.pk)
    assert (row.state, row.attempts) == (JobState.PENDING, 0)
    assert jobs.embed() == 0
    assert not pipeline._left


def test_a_delivery_during_the_work_embeds_once(live):
    put_in(1)
    live.gate = jobs.embed
    jobs.embed()
    assert JobEvent.objects.filter(kind="done").count() == 1


def test_the_active_encoder_comes_before_the_one_being_built(live, encoder, monkeypatch):
    put_in(1)
    other = EncoderFactory(dimension=3, state=EncoderState.BUILDING)
    jobs.add_missing(other, limit=10)
    order = []
    monkeypatch.setattr(live_encoders, "for_row", lambda row: order.append(row) or live)
    jobs.embed()
    assert order == [encoder, other]


def test_the_reconciler_adds_missing_jobs_and_names_what_is_due(encoder):
    image = ImageFactory()
    deleted = ImageFactory(deleted_at=timezone.now())
    assert jobs.reconcile() == [image.pk]
    assert not EmbeddingJob.objects.filter(image=deleted).exists()
    assert jobs.reconcile() == [image.pk]
    assert EmbeddingJob.objects.count() == 1


def test_a_new_round_keeps_the_old_vector_until_the_new_one_is_there(live):
    (image,) = put_in(1)
    jobs.embed()
    assert jobs.embed_again(Image.objects.all()) == 1
    assert status_of(image) == "ready"
    assert EmbeddingJob.objects.get().round == 2
    jobs.embed()
    assert JobEvent.objects.filter(kind="done").count() == 2


def test_a_person_retries_their_own_failures_and_nobody_elses(encoder):
    mine, theirs = ImageFactory(), ImageFactory()
    for image in (mine, theirs):
        job(image, encoder, state=JobState.FAILED, error_code="decoder_timeout")
    assert jobs.retry_failed(mine.uploader, code="other") == 0
    assert jobs.retry_failed(mine.uploader, code="decoder_timeout") == 1
    assert EmbeddingJob.objects.get(image=theirs).state == JobState.FAILED


def test_the_overview_is_of_visible_pictures(encoder):
    first = ImageFactory()
    second = ImageFactory(collection=first.collection)
    job(first, encoder, state=JobState.FAILED, error_code="a", error_text="Broken.")
    job(second, encoder)
    work = jobs.overview(first.uploader)
    assert (work.pending, work.running, work.failed) == (1, 0, 1)
    assert [(reason.code, reason.message, reason.count) for reason in work.by_reason] == [("a", "Broken.", 1)]
    assert [(row.collection, row.pending, row.failed) for row in work.by_collection] == [(first.collection, 1, 1)]
    assert jobs.overview(UserFactory()).failed == 0


def test_decoding_goes_on_while_the_network_works(live):
    """With a batch in the network, the pictures of the next one are already being decoded."""
    put_in(conf.get().ledger.batch + 1)
    seen, threads = [], threading.active_count()  # of other tests
    live.gate = lambda: seen.append(EmbeddingJob.objects.filter(state=JobState.RUNNING).count())
    jobs.embed()
    assert seen[0] == conf.get().ledger.batch + 1
    assert threading.active_count() < threads + conf.get().ledger.batch // 2
