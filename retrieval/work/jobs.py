"""Embedding work as a whole: what is waiting, what was lost and is put right, and a second try for what failed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from retrieval.models import Collection, EmbeddingJob, Encoder, Image, JobState
from retrieval.search import stored
from retrieval.work import derived, ledger
from retrieval.work.pipeline import embed

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

__all__ = [
    "CollectionJobs", "JobsOverview", "Reason", "add_missing", "all_back_in_line", "ask_again", "embed", "embed_again",
    "is_due", "more_due",
    "overview", "rate_per_minute", "reconcile", "retry_failed",
]  # fmt: skip

log = structlog.get_logger(__name__)

RECONCILE_BATCH = 2_000
PRIORITY_REBUILD = 20
RATE_MINUTES = 5


@dataclass(frozen=True)
class Reason:
    """Pictures that failed in the same way."""

    code: str
    message: str
    count: int


@dataclass(frozen=True)
class CollectionJobs:
    """What is left to do in one collection."""

    collection: Collection
    pending: int
    failed: int


@dataclass(frozen=True)
class JobsOverview:
    """The ledger as one person may see it; the rate is of those pictures, per minute over the last five."""

    pending: int
    running: int
    failed: int
    by_reason: list[Reason]
    by_collection: list[CollectionJobs]
    rate_per_minute: float
    seconds_left: int | None


def is_due(image_id: uuid.UUID) -> bool:
    """Tell whether this picture still waits for a worker."""
    return EmbeddingJob.objects.due().filter(image_id=image_id).exists()


def more_due() -> bool:
    """Tell whether another task has something to do."""
    return EmbeddingJob.objects.due().filter(encoder__in=Encoder.objects.wanted()).exists()


def reconcile() -> list[uuid.UUID]:
    """Put right what a crash or a lost message left, and return the pictures to queue again.

    Frees the leases of dead workers, adds jobs that are missing for living pictures, and lists what is due. Safe to
    run in two copies at once.
    """
    freed = ledger.free_dead_leases()
    added = sum(add_missing(encoder, limit=RECONCILE_BATCH) for encoder in Encoder.objects.wanted())
    if freed or added:
        log.info("ledger_reconciled", freed=freed, added=added)
    due = EmbeddingJob.objects.due().filter(encoder__in=Encoder.objects.wanted())
    # One message is enough to wake a worker, which then takes whole batches; a few more wake several.
    return list(due.order_by("priority", "next_attempt_at").values_list("image_id", flat=True)[:8])


def add_missing(encoder: Encoder, *, limit: int) -> int:
    """Give a job to living pictures that have neither a job nor a vector by this encoder; return how many.

    Those whose vector follows from another encoder's are left to ``derived``.
    """
    lacking = derived.untouched(encoder).exclude(derived.has_source(encoder))
    ids = list(lacking.order_by("pk").values_list("pk", flat=True)[:limit])
    rows = ledger.new_jobs(encoder, ids, priority=PRIORITY_REBUILD)
    EmbeddingJob.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return len(rows)


def embed_again(images: QuerySet[Image]) -> int:
    """Ask for new vectors by the active encoder; the old ones serve until then. Return how many were asked for."""
    return ask_again(EmbeddingJob.objects.filter(image__in=images, encoder=Encoder.objects.active()))


def retry_failed(user: User, *, code: str | None = None) -> int:
    """Try the failed pictures again that this person put in or manages, all or those of one reason."""
    failed = _jobs_of(user).filter(state=JobState.FAILED, owner_id=user.pk)
    return ask_again(failed.filter(error_code=code) if code else failed)


def overview(user: Viewer) -> JobsOverview:
    """Return what is waiting, running and failed among the pictures this person may see; what is done is not read."""
    jobs = _jobs_of(user).filter(state__in=[JobState.PENDING, JobState.RUNNING, JobState.FAILED])
    counts = dict(jobs.order_by().values_list("state").annotate(n=Count("*")))
    waiting = counts.get(JobState.PENDING, 0) + counts.get(JobState.RUNNING, 0)
    rate = rate_per_minute(seen_by=user)
    return JobsOverview(
        pending=counts.get(JobState.PENDING, 0),
        running=counts.get(JobState.RUNNING, 0),
        failed=counts.get(JobState.FAILED, 0),
        by_reason=_by_reason(jobs),
        by_collection=_by_collection(jobs),
        rate_per_minute=rate,
        seconds_left=round(waiting / rate * 60) if waiting and rate else None,
    )


def rate_per_minute(encoder: Encoder | None = None, *, seen_by: Viewer | None) -> float:
    """Return how many pictures that this person sees were embedded per minute of late, by one encoder or all.

    ``seen_by`` None counts everybody's, for operators.
    """
    seen = None if seen_by is None else Collection.objects.visible_to(seen_by)
    since = timezone.now() - timedelta(minutes=RATE_MINUTES)
    return stored.count(encoder, within=seen, since=since) / RATE_MINUTES


def ask_again(jobs: QuerySet[EmbeddingJob]) -> int:
    """Begin a new round for jobs that are not in anybody's hands."""
    return jobs.exclude(state=JobState.RUNNING).update(
        state=JobState.PENDING,
        round=F("round") + 1,
        attempts=0,
        lease_token=None,
        next_attempt_at=timezone.now(),
        finished_at=None,
        error_code="",
        error_text="",
    )


def all_back_in_line() -> int:
    """Put back in line what is said to be in a worker's hands, as after a restore nobody has it; return how much."""
    return EmbeddingJob.objects.filter(state=JobState.RUNNING).update(
        state=JobState.PENDING, attempts=Greatest(F("attempts") - 1, 0), lease_token=None, lease_until=None,
        next_attempt_at=timezone.now(),
    )  # fmt: skip


def _jobs_of(user: Viewer) -> QuerySet[EmbeddingJob]:
    visible = Image.objects.visible_to(user)
    return EmbeddingJob.objects.filter(encoder__in=Encoder.objects.wanted(), image__in=visible)


def _by_reason(jobs: QuerySet[EmbeddingJob]) -> list[Reason]:
    rows = jobs.filter(state=JobState.FAILED).order_by().values("error_code", "error_text").annotate(n=Count("*"))
    grouped: dict[str, Reason] = {}
    for row in rows.order_by("-n"):
        known = grouped.get(row["error_code"])
        text, count = (known.message, known.count) if known else (row["error_text"], 0)
        grouped[row["error_code"]] = Reason(row["error_code"], text, count + row["n"])
    return sorted(grouped.values(), key=lambda reason: -reason.count)


def _by_collection(jobs: QuerySet[EmbeddingJob]) -> list[CollectionJobs]:
    """Count them per collection."""
    rows = (
        jobs.order_by()
        .values("image__collection_id")
        .annotate(failed=Count("image_id", filter=Q(state=JobState.FAILED)), n=Count("*"))
    )
    names = Collection.objects.in_bulk([row["image__collection_id"] for row in rows])
    return [
        CollectionJobs(names[row["image__collection_id"]], row["n"] - row["failed"], row["failed"])
        for row in rows.order_by("-n")[:50]
    ]
