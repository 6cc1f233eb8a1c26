"""The ledger's moves: claim under a lease, finish, fail, give back; each is one transaction and may run twice."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval import conf
from retrieval.errors import RetrievalError
from retrieval.models import EmbeddingJob, Encoder, Image, JobEvent, JobEventKind, JobState
from retrieval.search import Vector, stored
from retrieval.work import leases, watching

EXHAUSTED = RetrievalError(
    "Embedding this picture ended the worker every time it was tried.", code="attempts_exhausted"
)


@dataclass(frozen=True)
class Claim:
    """Jobs of one encoder that this process holds until its lease runs out; ``again`` when one was tried before.

    ``by_network``: their vectors come from pictures, and not from vectors that are stored.
    """

    encoder: Encoder
    token: uuid.UUID
    image_ids: tuple[uuid.UUID, ...]
    again: bool = False
    by_network: bool = True


def claim(encoder: Encoder, *, first: uuid.UUID | None = None) -> Claim | None:
    """Take a batch of due jobs, the attempt counted and the lease set in this commit; None when nothing is due.

    Every person with work gets a fair share of the batch. A job whose earlier attempt ended badly is taken alone, so
    that a picture which kills its worker takes no others down with it.
    """
    while found := _claim(encoder, first=first):
        if isinstance(found, Claim):
            return found
        first = None
    return None


def _claim(encoder: Encoder, *, first: uuid.UUID | None) -> Claim | int:
    """Take a batch; where all of it was tried too often, end these jobs and return how many there were, 0 for none."""
    with transaction.atomic():
        jobs = _due(encoder, first=first)
        spent = [job for job in jobs if job.attempts >= conf.get().ledger.claims]
        taken = [job for job in jobs if job.attempts < conf.get().ledger.claims]
        for job in spent:
            _end(job, JobState.FAILED, error=EXHAUSTED)
        return _lease(encoder, taken) if taken else len(spent)


def _due(encoder: Encoder, *, first: uuid.UUID | None) -> list[EmbeddingJob]:
    """Lock the jobs to take: fresh ones in a batch, else one that was tried before.

    A job tried before is also taken when it is asked for, as the reconciler does, or a flood would keep it waiting.
    """
    due = EmbeddingJob.objects.due().filter(encoder=encoder).select_for_update(skip_locked=True)
    fresh = due.filter(attempts=0)
    asked = list(due.filter(image_id=first)) if first else []
    if asked and asked[0].attempts:
        return asked
    room = conf.get().ledger.batch - len(asked)
    owners = list(
        EmbeddingJob.objects.due().filter(encoder=encoder, attempts=0).values_list("owner_id", flat=True).distinct()
    )
    random.shuffle(owners)
    for position, owner in enumerate(owners):
        share = -(-room // (len(owners) - position))
        rows = fresh.filter(owner_id=owner).exclude(image_id__in=[job.image_id for job in asked])
        asked += rows.order_by("priority", "next_attempt_at")[:share]
        room = conf.get().ledger.batch - len(asked)
        if room <= 0:
            break
    # The least tried first, so that one who kills workers at random does not hit the same picture each time.
    return asked or list(due.order_by("attempts", "next_attempt_at")[:1])


def _lease(encoder: Encoder, jobs: Sequence[EmbeddingJob]) -> Claim:
    token, now, me = uuid.uuid4(), timezone.now(), leases.worker_name()
    again = any(job.attempts for job in jobs)
    for job in jobs:
        job.lease_token, job.worker = token, me
        job.attempts += 1
    EmbeddingJob.objects.filter(encoder=encoder, image_id__in=[job.image_id for job in jobs]).update(
        state=JobState.RUNNING,
        attempts=F("attempts") + 1,
        lease_token=token,
        lease_until=now + timedelta(seconds=conf.get().ledger.lease),
        worker=me,
    )
    JobEvent.objects.bulk_create([_event(job, JobEventKind.CLAIMED) for job in jobs])
    return Claim(encoder, token, tuple(job.image_id for job in jobs), again)


def begin(encoder: Encoder, image_ids: Sequence[uuid.UUID]) -> Claim:
    """Make jobs that this process holds from the start, for pictures whose vector it can tell at once.

    To be finished in the same transaction, so that nobody ever sees them unfinished. A picture that has a job already
    is left out.
    """
    claim = Claim(encoder, uuid.uuid4(), tuple(image_ids), by_network=False)
    held = {
        "state": JobState.RUNNING, "attempts": 1, "worker": leases.worker_name(), "lease_token": claim.token,
        "lease_until": timezone.now() + timedelta(seconds=conf.get().ledger.lease),
    }  # fmt: skip
    EmbeddingJob.objects.bulk_create(new_jobs(encoder, image_ids, **held), ignore_conflicts=True)
    jobs = _ours(claim, claim.image_ids)
    JobEvent.objects.bulk_create([_event(job, JobEventKind.CLAIMED) for job in jobs])
    return replace(claim, image_ids=tuple(job.image_id for job in jobs))


def new_jobs(encoder: Encoder, image_ids: Sequence[uuid.UUID], **fields: Any) -> list[EmbeddingJob]:
    """Unsaved jobs; a picture may have been done before and lost its vector: that makes this a new round."""
    rounds = Coalesce(Max("job_events__round", filter=Q(job_events__encoder=encoder)), 0) + 1
    rows = Image.objects.filter(pk__in=image_ids).order_by("pk").values_list("pk", "uploader_id", rounds)
    return [
        EmbeddingJob(image_id=pk, encoder=encoder, owner_id=owner, round=number, **fields) for pk, owner, number in rows
    ]


def finish(claim: Claim, found: Mapping[uuid.UUID, Vector]) -> int:
    """Store vectors and mark their jobs done in one commit; return how many were still ours to finish.

    A job that was taken over or given back meanwhile is left alone, so nothing is ever committed twice. Pictures are
    locked while their collection is copied, so that a move or a deletion comes either before or after. Where the
    encoder smooths another one's vectors, that one gets what the network gave in the same commit.
    """
    also = claim.encoder.smooths if claim.by_network else None
    with transaction.atomic():
        jobs = _ours(claim, found)
        images = Image.objects.select_for_update(no_key=True).filter(pk__in=[job.image_id for job in jobs])
        scope = {image.pk: None if image.deleted_at else image.collection_id for image in images.order_by("pk")}
        theirs = EmbeddingJob.objects.filter(encoder=claim.encoder)
        for encoder in filter(None, (claim.encoder, also)):
            stored.put(encoder, {job.image_id: found[job.image_id] for job in jobs}, places=scope)
        if also:
            theirs |= EmbeddingJob.objects.filter(encoder=also, state=JobState.FAILED)
        theirs.filter(image_id__in=scope).update(
            state=JobState.DONE, lease_until=None, finished_at=timezone.now(), error_code="", error_text=""
        )
        JobEvent.objects.bulk_create([_event(job, JobEventKind.DONE) for job in jobs])
        watching.fire(claim.encoder, {pk: found[pk] for pk in scope}, places=scope)
    return len(jobs)


def fail(claim: Claim, errors: Mapping[uuid.UUID, RetrievalError], *, final: bool) -> None:
    """Record why pictures could not be embedded: for good when ``final``, else to be tried again after a back-off."""
    with transaction.atomic():
        for job in _ours(claim, errors):
            over = final or _bad_ends(job) + 1 >= conf.get().ledger.attempts
            _end(job, JobState.FAILED if over else JobState.PENDING, error=errors[job.image_id])


def give_back(claim: Claim, image_ids: Sequence[uuid.UUID]) -> None:
    """Return jobs whose pictures are not to blame: the attempt is not counted, and others may take them soon."""
    with transaction.atomic():
        jobs = _ours(claim, image_ids)
        EmbeddingJob.objects.filter(encoder=claim.encoder, image_id__in=[job.image_id for job in jobs]).update(
            state=JobState.PENDING,
            attempts=F("attempts") - 1,
            lease_until=None,
            next_attempt_at=timezone.now() + timedelta(seconds=conf.get().ledger.backoff),
        )
        JobEvent.objects.bulk_create([_event(job, JobEventKind.RELEASED) for job in jobs])


def free_dead_leases() -> int:
    """Make the jobs of workers that died on this host due at once, without waiting for their leases."""
    running = EmbeddingJob.objects.filter(state=JobState.RUNNING, lease_until__gt=timezone.now())
    dead = [name for name in running.values_list("worker", flat=True).distinct() if leases.is_dead(name)]
    return running.filter(worker__in=dead).update(lease_until=timezone.now())


def _ours(claim: Claim, image_ids: Mapping[uuid.UUID, object] | Sequence[uuid.UUID]) -> list[EmbeddingJob]:
    """Lock those of the jobs that this claim still holds."""
    held = EmbeddingJob.objects.select_for_update().filter(
        encoder=claim.encoder, lease_token=claim.token, state=JobState.RUNNING, image_id__in=list(image_ids)
    )
    return list(held.order_by("image_id"))


def _bad_ends(job: EmbeddingJob) -> int:
    """Count how often this round ended badly; a worker that vanished says nothing about the picture."""
    events = JobEvent.objects.filter(image_id=job.image_id, encoder_id=job.encoder_id, round=job.round)
    return events.filter(kind=JobEventKind.RETRY).count()


def _end(job: EmbeddingJob, state: JobState, *, error: RetrievalError) -> None:
    """Write a bad end or a wait for the next attempt; the wait doubles with each attempt."""
    now, failed = timezone.now(), state is JobState.FAILED
    wait = conf.get().ledger.backoff * 2 ** max(0, job.attempts - 1)
    job.state, job.lease_until, job.finished_at = state, None, now if failed else None
    job.next_attempt_at = now if failed else now + timedelta(seconds=wait)
    job.error_code, job.error_text = error.code, error.message
    job.save(update_fields=["state", "lease_until", "finished_at", "next_attempt_at", "error_code", "error_text"])
    event = _event(job, JobEventKind.FAILED if failed else JobEventKind.RETRY)
    event.error_code = error.code
    if failed:
        stored.remove(job.encoder_id, [job.image_id])
    JobEvent.objects.bulk_create([event], ignore_conflicts=True)


def _event(job: EmbeddingJob, kind: JobEventKind) -> JobEvent:
    return JobEvent(
        image_id=job.image_id,
        encoder_id=job.encoder_id,
        lease_token=job.lease_token or uuid.uuid4(),
        kind=kind,
        round=job.round,
        attempt=job.attempts,
        worker=job.worker or leases.worker_name(),
    )
