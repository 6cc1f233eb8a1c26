"""Figures of the whole system for its operators: how much there is, and what was done hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from retrieval.models import (
    Collection,
    EmbeddingJob,
    Encoder,
    JobEvent,
    JobEventKind,
    JobState,
    UserUsage,
)
from retrieval.search import counts
from retrieval.services.images import image_counts


@dataclass(frozen=True)
class Totals:
    """How much there is, whoever it belongs to; ``bytes`` are of the originals."""

    collections: int
    images: int
    bytes: int
    vectors: int
    waiting: int
    failed: int
    people: int
    encoder: str


@dataclass(frozen=True)
class Hour:
    """How many pictures were embedded in one hour, and how many failed for good."""

    at: datetime
    done: int
    failed: int


def overall() -> Totals:
    """Count everything, from counters where there are some."""
    encoder = Encoder.objects.active()
    jobs = EmbeddingJob.objects.filter(encoder__in=Encoder.objects.wanted())
    return Totals(
        collections=Collection.objects.filter(deleted_at=None).count(),
        images=image_counts.total(),
        bytes=UserUsage.objects.aggregate(n=Sum("bytes"))["n"] or 0,
        vectors=counts.total(encoder),
        waiting=jobs.open().count(),
        failed=jobs.filter(state=JobState.FAILED).count(),
        people=get_user_model().objects.filter(is_active=True).count(),
        encoder=encoder.name if encoder else "-",
    )


def by_hour(hours: int = 24) -> list[Hour]:
    """Return the last hours, oldest first, the empty ones too."""
    this = timezone.now().replace(minute=0, second=0, microsecond=0)
    first = this - timedelta(hours=hours - 1)
    rows = (
        JobEvent.objects.filter(at__gte=first)
        .annotate(hour=TruncHour("at"))
        .values("hour")
        .annotate(
            done=Count("image_id", filter=Q(kind=JobEventKind.DONE)),
            failed=Count("image_id", filter=Q(kind=JobEventKind.FAILED)),
        )
        .order_by()
    )
    found = {row["hour"]: row for row in rows}
    moments = [first + timedelta(hours=number) for number in range(hours)]
    return [Hour(at, *((found[at]["done"], found[at]["failed"]) if at in found else (0, 0))) for at in moments]
