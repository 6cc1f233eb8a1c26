"""Long work that waits in line as rows: taken by one worker at a time, told of as it goes on, lost with its worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from retrieval.errors import RetrievalError
from retrieval.models import Compression, Evaluation, RunState
from retrieval.services import ledger

log = structlog.get_logger(__name__)

Row = TypeVar("Row", Evaluation, Compression)

TELL_EVERY = 1.0  # seconds between notes of how far it is
SILENCE = timedelta(minutes=15)  # a worker that was not heard of for so long has lost its row
ATTEMPTS = 3
EXHAUSTED = RetrievalError("Measuring ended its worker every time it was tried.", code="attempts_exhausted")
GOING = (RunState.QUEUED, RunState.RUNNING)


def unfinished(kind: type[Row]) -> list[UUID]:
    """Return what is not over, first come first; ``claim`` finds out whether somebody alive is at it."""
    going = kind.objects.filter(state__in=GOING)
    return list(going.order_by("created_at", "pk").values_list("pk", flat=True))


def claim(kind: type[Row], pk: UUID) -> Row | None:
    """Take it, unless it is over or somebody has it or is busy with another; one that cost too many workers fails."""
    with transaction.atomic():
        rows = kind.objects.select_for_update(of=("self",)).select_related("user")
        row: Row | None = rows.filter(pk=pk).first()
        if row is None or not _is_free(row) or _busy(kind):
            return None
        if row.attempts >= ATTEMPTS:
            fail(row, EXHAUSTED)
            return None
        row.state, row.worker, row.attempts = RunState.RUNNING, ledger.worker_name(), row.attempts + 1
        row.heard_at = timezone.now()
        row.started_at = row.started_at or row.heard_at
        row.save(update_fields=["state", "worker", "attempts", "heard_at", "started_at"])
    return row


def end(row: Evaluation | Compression, state: str, **fields: Any) -> bool:
    """Write the end; False when another attempt has begun, or the row went with its collection and nobody misses it."""
    mine = type(row).objects.filter(pk=row.pk, attempts=row.attempts)
    log.info("long_work_ended", kind=row._meta.model_name, row=str(row.pk), state=state)
    return bool(mine.update(**fields, state=state, finished_at=timezone.now()))


def fail(row: Evaluation | Compression, error: Exception) -> bool:
    """Write why it failed; False as ``end``."""
    code, text = getattr(error, "code", "diverged"), getattr(error, "message", str(error))
    return end(row, RunState.FAILED, error_code=code, error_text=text)


@dataclass
class Teller(Generic[Row]):
    """Writes to the row how far it is and that its worker is alive; now and then only, and ``only`` to such a row."""

    row: Row
    only: Mapping[str, Any] = field(default_factory=dict)
    told: float = 0.0

    def __call__(self, **fields: Any) -> bool:
        """Return False when there was nobody to tell: no such row, or another attempt has begun."""
        if time.monotonic() - self.told <= TELL_EVERY:
            return True
        self.told = time.monotonic()
        mine = type(self.row).objects.filter(pk=self.row.pk, attempts=self.row.attempts, state=RunState.RUNNING)
        return bool(mine.filter(**self.only).update(**fields, heard_at=timezone.now()))


def _is_free(row: Evaluation | Compression) -> bool:
    return row.state == RunState.QUEUED or (row.state == RunState.RUNNING and _is_lost(row))


def _is_lost(row: Evaluation | Compression) -> bool:
    """Tell whether the worker of a running one is gone, be it here or, after a while without a sign, elsewhere."""
    silent = row.heard_at is None or row.heard_at < timezone.now() - SILENCE
    return silent or ledger.is_dead(row.worker)


def _busy(kind: type[Row]) -> bool:
    """Tell whether one of this kind is being worked on; one at a time leaves room for everything else."""
    running = kind.objects.filter(state=RunState.RUNNING).defer("result")
    return any(not _is_lost(row) for row in running)
