"""The ledger: claims, leases, fair shares, ends, and that nothing is committed twice."""

from __future__ import annotations

import inspect
import threading
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from retrieval import conf
from retrieval.errors import RetrievalError, UnsupportedPicture
from retrieval.models import Embedding, EmbeddingCount, EmbeddingJob, Image, JobEvent, JobState
from retrieval.search import Vector
from retrieval.work import leases, ledger
from tests.factories import EncoderFactory, ImageFactory, UserFactory, job

pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder():
    return EncoderFactory(dimension=3)


def make_jobs(count, encoder, **fields):
    images = ImageFactory.create_batch(count, **fields)
    return [job(image, encoder) for image in images]


def some_vectors(claim):
    return {pk: Vector(np.array([0.6, 0.8, 0.0]), 2.0, 0.8) for pk in claim.image_ids}


def test_a_claim_counts_the_attempt_and_sets_the_lease(encoder):
    (row,) = make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    row.refresh_from_db()
    assert claim.image_ids == (row.image_id,)
    assert (row.state, row.attempts, row.lease_token) == (JobState.RUNNING, 1, claim.token)
    assert row.lease_until > timezone.now() + timedelta(seconds=conf.get().ledger.lease - 10)
    assert JobEvent.objects.get().kind == "claimed"


def test_what_is_claimed_cannot_be_claimed_again_until_the_lease_runs_out(encoder):
    make_jobs(1, encoder)
    assert ledger.claim(encoder)
    assert ledger.claim(encoder) is None
    EmbeddingJob.objects.update(lease_until=timezone.now())
    assert ledger.claim(encoder)


def test_the_wanted_picture_comes_in_the_first_batch(encoder):
    rows = make_jobs(conf.get().ledger.batch + 5, encoder)
    claim = ledger.claim(encoder, first=rows[-1].image_id)
    assert rows[-1].image_id in claim.image_ids
    assert len(claim.image_ids) == conf.get().ledger.batch


def test_one_persons_flood_leaves_room_for_another(encoder):
    make_jobs(60, encoder, collection=ImageFactory().collection)
    (single,) = make_jobs(1, encoder)
    assert single.image_id in ledger.claim(encoder).image_ids


def test_many_owners_fill_the_batch_and_never_more(encoder):
    for _ in range(40):
        make_jobs(2, encoder, collection=ImageFactory().collection)
    assert len(ledger.claim(encoder).image_ids) == conf.get().ledger.batch


def test_a_job_tried_before_is_taken_alone(encoder):
    make_jobs(5, encoder)
    ledger.claim(encoder)
    EmbeddingJob.objects.update(lease_until=timezone.now())
    assert len(ledger.claim(encoder).image_ids) == 1


def lose_worker():
    """Let every lease end without a word, as when the worker is killed."""
    EmbeddingJob.objects.filter(state=JobState.RUNNING).update(lease_until=timezone.now())


def test_a_picture_whose_worker_was_killed_keeps_all_its_attempts(encoder):
    (row,) = make_jobs(1, encoder)
    for _ in range(conf.get().ledger.attempts + 1):
        assert ledger.claim(encoder)
        lose_worker()
    claim = ledger.claim(encoder)
    ledger.fail(claim, {row.image_id: RetrievalError("Busy.", code="busy")}, final=False)
    row.refresh_from_db()
    assert row.state == JobState.PENDING


def test_killing_workers_at_random_hits_another_picture_each_time(encoder):
    make_jobs(3, encoder)
    ledger.claim(encoder)
    lose_worker()
    hit = set()
    for _ in range(3):
        hit.update(ledger.claim(encoder).image_ids)
        lose_worker()
    assert len(hit) == 3


def test_a_job_tried_before_is_not_kept_waiting_by_a_flood_when_it_is_asked_for(encoder):
    (tried,) = make_jobs(1, encoder)
    ledger.claim(encoder)
    lose_worker()
    make_jobs(40, encoder)
    assert ledger.claim(encoder, first=tried.image_id).image_ids == (tried.image_id,)


def test_a_picture_that_ends_every_worker_fails_with_a_reason(encoder):
    (row,) = make_jobs(1, encoder)
    EmbeddingJob.objects.update(
        attempts=conf.get().ledger.claims,
        state=JobState.RUNNING,
        lease_until=timezone.now(),
        lease_token=uuid.uuid4(),
    )
    assert ledger.claim(encoder) is None
    row.refresh_from_db()
    assert (row.state, row.error_code) == (JobState.FAILED, "attempts_exhausted")
    assert row.error_text


def test_a_thousand_spent_jobs_end_one_by_one_and_not_the_worker(encoder, monkeypatch):
    """Each claim takes one job that was tried before; a call for each would go too deep."""
    make_jobs(5, encoder)
    EmbeddingJob.objects.update(attempts=conf.get().ledger.claims)
    depths, real = [], ledger._due

    def due(*args, **options):
        depths.append(len(inspect.stack(0)))
        return real(*args, **options)

    monkeypatch.setattr(ledger, "_due", due)
    assert ledger.claim(encoder) is None
    assert EmbeddingJob.objects.filter(state=JobState.FAILED).count() == 5
    assert (len(depths), len(set(depths))) == (6, 1)


def test_finish_writes_vector_state_event_and_count_in_one_go(encoder):
    (row,) = make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    assert ledger.finish(claim, some_vectors(claim)) == 1
    stored = Embedding.objects.get(image_id=row.image_id, encoder=encoder)
    assert stored.collection_id == row.image.collection_id
    assert list(stored.vector) == pytest.approx([0.6, 0.8, 0.0], abs=1e-3)
    assert EmbeddingCount.objects.get(encoder=encoder).images == 1
    row.refresh_from_db()
    assert row.state == JobState.DONE


def test_finishing_twice_commits_once(encoder):
    make_jobs(3, encoder)
    claim = ledger.claim(encoder)
    assert ledger.finish(claim, some_vectors(claim)) == 3
    assert ledger.finish(claim, some_vectors(claim)) == 0
    assert JobEvent.objects.filter(kind="done").count() == 3


def test_a_claim_that_was_taken_over_finishes_nothing(encoder):
    make_jobs(1, encoder)
    late = ledger.claim(encoder)
    EmbeddingJob.objects.update(lease_until=timezone.now())
    heir = ledger.claim(encoder)
    assert ledger.finish(late, some_vectors(late)) == 0
    assert not Embedding.objects.exists()
    assert ledger.finish(heir, some_vectors(heir)) == 1


def test_a_second_vector_of_a_picture_replaces_the_first(encoder):
    make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    ledger.finish(claim, some_vectors(claim))
    EmbeddingJob.objects.update(state=JobState.PENDING, attempts=0, next_attempt_at=timezone.now())
    claim = ledger.claim(encoder)
    ledger.finish(claim, {pk: Vector(np.array([0.0, 1.0, 0.0]), 5.0, 0.8) for pk in claim.image_ids})
    assert Embedding.objects.get().length == 5.0
    assert EmbeddingCount.objects.get().images == 1


def test_a_picture_deleted_meanwhile_gets_a_vector_that_nobody_finds(encoder):
    make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    Image.objects.update(deleted_at=timezone.now())
    ledger.finish(claim, some_vectors(claim))
    assert Embedding.objects.get().collection_id is None


def test_a_passing_error_waits_longer_each_time_and_then_fails(encoder):
    (row,) = make_jobs(1, encoder)
    waits = []
    for _ in range(conf.get().ledger.attempts):
        EmbeddingJob.objects.update(next_attempt_at=timezone.now())
        claim = ledger.claim(encoder)
        ledger.fail(claim, {row.image_id: RetrievalError("Busy.", code="busy")}, final=False)
        row.refresh_from_db()
        waits.append((row.next_attempt_at - timezone.now()).total_seconds())
    assert waits[0] < waits[1]
    assert (row.state, row.error_code) == (JobState.FAILED, "busy")


def test_a_final_error_fails_at_once_and_takes_an_old_vector_away(encoder):
    (row,) = make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    ledger.finish(claim, some_vectors(claim))
    EmbeddingJob.objects.update(state=JobState.PENDING, attempts=0, next_attempt_at=timezone.now())
    claim = ledger.claim(encoder)
    ledger.fail(claim, {row.image_id: UnsupportedPicture("Broken.")}, final=True)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (JobState.FAILED, 1)
    assert not Embedding.objects.exists()


def test_what_is_given_back_loses_no_attempt(encoder):
    (row,) = make_jobs(1, encoder)
    claim = ledger.claim(encoder)
    ledger.give_back(claim, claim.image_ids)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (JobState.PENDING, 0)


def test_the_log_only_grows(encoder):
    make_jobs(1, encoder)
    ledger.claim(encoder)
    with pytest.raises(ProgrammingError, match="only ever added"), transaction.atomic():
        JobEvent.objects.update(kind="done")


def test_a_dead_process_is_known_and_a_living_one_is_not():
    assert not leases.is_dead(leases.worker_name())
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    assert leases.is_dead(f"{host}/{boot}/{pid}/1")
    assert not leases.is_dead(f"elsewhere/{boot}/{pid}/1")
    assert not leases.is_dead("")


def test_the_leases_of_a_dead_worker_end_at_once(encoder):
    make_jobs(2, encoder)
    ledger.claim(encoder)
    assert ledger.free_dead_leases() == 0
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    EmbeddingJob.objects.update(worker=f"{host}/{boot}/{pid}/1")
    assert ledger.free_dead_leases() == 2
    assert ledger.claim(encoder)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_the_same_job():
    encoder = EncoderFactory(dimension=3)
    owner = UserFactory()
    make_jobs(40, encoder, collection=ImageFactory(collection__owner=owner).collection)
    start, claims = threading.Barrier(4), []

    def work():
        start.wait()
        while claim := ledger.claim(encoder):
            claims.append(claim)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [pk for claim in claims for pk in claim.image_ids]
    assert len(taken) == len(set(taken)) == 40
