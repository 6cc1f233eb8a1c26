"""What a clock that was ahead leaves behind: rows that wait for a time far from now, and how they are put right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.models import Collection, EmbeddingJob, Image, JobState, LongJobState
from retrieval.work import long_jobs

# Clocks of two machines may differ by minutes; what is further ahead than any wait takes comes from a wrong one.
SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class Ahead:
    """Rows of which ``column`` is far ahead, under the code that the audit gives them."""

    code: str
    rows: QuerySet[Any]
    column: str


def far_ahead() -> list[Ahead]:
    """Return every kind of row that can wait for a time; each is empty unless a clock was wrong."""
    ledger = conf.get().ledger
    latest = timezone.now() + SLACK + timedelta(seconds=max(ledger.lease, ledger.backoff * 2**ledger.claims))
    jobs = EmbeddingJob.objects.all()
    return [
        _ahead("job_far_ahead", jobs.filter(state=JobState.PENDING), "next_attempt_at", latest),
        _ahead("job_far_ahead", jobs.filter(state=JobState.RUNNING), "lease_until", latest),
        _ahead("deleted_far_ahead", Image.objects.all(), "deleted_at", latest),
        _ahead("deleted_far_ahead", Collection.objects.all(), "deleted_at", latest),
        *(
            _ahead("work_far_ahead", model._default_manager.filter(state=LongJobState.RUNNING), "heartbeat_at", latest)
            for model in long_jobs.models()
        ),
    ]


def set_right() -> int:
    """Let everything that waits for a time far ahead wait no longer; return how many rows."""
    now = timezone.now()
    return sum(each.rows.update(**{each.column: now}) for each in far_ahead())


def _ahead(code: str, rows: QuerySet[Any], column: str, latest: datetime) -> Ahead:
    return Ahead(code, rows.filter(**{f"{column}__gt": latest}), column)
