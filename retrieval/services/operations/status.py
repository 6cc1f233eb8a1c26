"""What the system is and how it feels, as one person may see it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from retrieval import __version__, broker
from retrieval.ingest import process
from retrieval.models import (
    Collection,
    EmbeddingJob,
    Encoder,
    Heartbeat,
    Image,
    JobState,
    RecallFigure,
    Status,
)
from retrieval.search import counts
from retrieval.services.images import image_counts
from retrieval.services.people import rights

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

BEAT_EVERY = 10.0  # seconds

_beaten: dict[str, float] = {}


@dataclass(frozen=True)
class StatusOverview:
    """Version, active encoder, visible pictures by state, and which servers show signs of life.

    ``decoder`` says how this process's decoders are kept apart; None for those who are not staff.
    ``recall`` is what the guard last measured for the active encoder's index, and ``recall_at`` when; None before.
    """

    version: str
    encoder: str | None
    trained: bool
    runtime: str | None
    images: dict[str, int]
    pending: int
    services: dict[str, bool]
    recall: float | None
    recall_at: datetime | None
    decoder: dict[str, Any] | None


def overview(user: Viewer) -> StatusOverview:
    """Return the state of things; the counts are of pictures visible to ``user`` only."""
    encoder = Encoder.objects.active()
    images = _counts(user)
    figure = RecallFigure.objects.filter(encoder=encoder).first() if encoder else None
    return StatusOverview(
        version=__version__,
        encoder=encoder.name if encoder else None,
        trained=bool(encoder and encoder.trained),
        runtime=_runtime(),
        images=images,
        pending=images[Status.PENDING],
        services=services(),
        recall=figure.recall if figure else None,
        recall_at=figure.at if figure else None,
        decoder=decoder() if rights.staff(user) else None,
    )


def pending(user: Viewer) -> int:
    """How many of the pictures visible to ``user`` wait; the cheap number for the bar of every page."""
    return EmbeddingJob.objects.filter(
        encoder=Encoder.objects.active(),
        state__in=[JobState.PENDING, JobState.RUNNING],
        image__deleted_at=None,
        image__collection__in=Collection.objects.visible_to(user),
    ).count()


def decoder() -> dict[str, Any] | None:
    """Tell what this process's decoders were found not to reach, and by which guards; None when none starts."""
    try:
        found = process.measured()
    except (process.EndedError, OSError):
        return None
    return {"protected": not found.reached, "held": dict(found.held), "guards": dict(found.guards)}


def services() -> dict[str, bool]:
    """Tell which parts gave a sign of life of late. The database answers, or this would not."""
    seen = set(Heartbeat.objects.fresh().values_list("kind", flat=True))
    up = {"database": True, "broker": broker.answers()}
    return up | {kind: kind in seen for kind in ("worker", "scheduler")}


def beat(name: str, *, kind: str, detail: dict[str, Any] | None = None) -> None:
    """Write a sign of life of one process, at most every few seconds however often it is called."""
    now = time.monotonic()
    if now - _beaten.get(name, -BEAT_EVERY) < BEAT_EVERY:
        return
    _beaten[name] = now
    Heartbeat.objects.update_or_create(name=name, defaults={"kind": kind, "at": timezone.now(), "detail": detail or {}})


def take_turn(name: str, *, every: timedelta) -> bool:
    """Tell whether it is time to do this again, and write down that it is done now.

    Whoever asks at the same moment is told no. A time in the future, left by a wrong clock, counts as never.
    """
    now = timezone.now()
    row, created = Heartbeat.objects.get_or_create(name=f"turn {name}", defaults={"kind": "turn", "at": now})
    of_late = {"at__gt": now - every, "at__lte": now}
    return created or bool(Heartbeat.objects.filter(pk=row.pk).exclude(**of_late).update(at=now))


def _counts(user: Viewer) -> dict[str, int]:
    """Count by state without touching each picture: vectors have a counter, and failures are few."""
    visible, encoder = Collection.objects.visible_to(user), Encoder.objects.active()
    images = Image.objects.alive().filter(collection__in=visible)
    total = image_counts.total(within=visible)
    ready = counts.total(encoder, within=visible)
    failed = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.FAILED, image__in=images).count()
    return {"total": total, "pending": max(0, total - ready - failed), "ready": ready, "failed": failed}


def _runtime() -> str | None:
    newest = Heartbeat.objects.filter(kind="worker").order_by("-at").first()
    return newest.detail.get("runtime") if newest else None
