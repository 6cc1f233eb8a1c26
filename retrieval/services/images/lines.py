"""Long work that waits in line as rows: taken by one worker at a time, told of as it goes on, lost with its worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from retrieval.errors import RetrievalError
from retrieval.models import Compression, Evaluation, RunState, TrainingRun
from retrieval.services.images import collections
from retrieval.services.people import rights
from retrieval.work import faults, leases

log = structlog.get_logger(__name__)

Work = Evaluation | Compression | TrainingRun
Row = TypeVar("Row", Evaluation, Compression, TrainingRun)
KINDS: tuple[type[Work], ...] = (Evaluation, Compression, TrainingRun)

TELL_EVERY = 1.0  # seconds between notes of how far it is
ASK_EVERY = 10.0  # seconds between looks at whether its person still may have it done
SILENCE = timedelta(minutes=15)  # a worker elsewhere that was not heard of for so long has lost its row
ATTEMPTS = 3
EXHAUSTED = RetrievalError("This ended its worker every time it was tried.", code="worker_ended")
GOING = (RunState.QUEUED, RunState.RUNNING)

stopping = threading.Event()
"""Set once this process is to end: it takes nothing more."""

# What broke off while the database was away; the next claim of this process writes it down.
_broken: list[tuple[type[Work], UUID, Exception]] = []
_writing = threading.Lock()


class StoppedError(Exception):
    """Somebody wants it to stop, the row was given back or lost to another attempt, or it is gone."""


def unfinished(kind: type[Row]) -> list[UUID]:
    """Return what is not over, first come first; ``claim`` finds out whether somebody alive is at it."""
    going = kind.objects.filter(state__in=GOING)
    return list(going.order_by("created_at", "pk").values_list("pk", flat=True))


def claim(kind: type[Row], pk: UUID) -> Row | None:
    """Take it, unless it is over or somebody has it or is busy with another.

    One that cost too many workers fails, and one whose person has no right to it any more.
    """
    _write_broken()
    with transaction.atomic():
        _hold(kind)
        rows = kind.objects.select_for_update(of=("self",)).select_related("user")
        row: Row | None = rows.filter(pk=pk).first()
        if row is None or stopping.is_set() or not _is_free(row) or _busy(kind):
            return None
        if refused := EXHAUSTED if row.attempts >= ATTEMPTS else refusal(row):
            fail(row, refused)
            return None
        row.state, row.worker, row.attempts = RunState.RUNNING, leases.worker_name(), row.attempts + 1
        row.heard_at = timezone.now()
        row.started_at = row.started_at or row.heard_at
        row.save(update_fields=["state", "worker", "attempts", "heard_at", "started_at"])
    return row


def refusal(row: Work) -> RetrievalError | None:
    """Return why the person who asked for this may not have it done any more, None while they may.

    They are read anew: the account may be closed, the right taken, the collection hidden since it began.
    """
    person = get_user_model().objects.filter(pk=row.user_id).first() or AnonymousUser()
    home = row.config["collection"] if isinstance(row, TrainingRun) else row.collection_id
    try:
        rights.require_administrator(person, to="have this done")
        collections.find(home, user=person)
    except RetrievalError as error:
        return error
    return None


def end(row: Work, state: str, **fields: Any) -> bool:
    """Write the end; False when it was given back, another attempt has begun, or the row is gone."""
    log.info("long_work_ended", kind=row._meta.model_name, row=str(row.pk), state=state)
    return bool(_mine(row).update(**fields, state=state, finished_at=timezone.now()))


def fail(row: Work, error: Exception) -> bool:
    """Write why it failed; False as ``end``."""
    code, text = getattr(error, "code", "diverged"), getattr(error, "message", str(error))
    return end(row, RunState.FAILED, error_code=code, error_text=text)


def give_back() -> int:
    """Put what this process is at back in line, the attempt not counted, as it is to end; return how many."""
    given = 0
    for kind in KINDS:
        with transaction.atomic():
            _hold(kind)  # a claim that is being written comes first
            given += _back_in_line(_running_here(kind))
    return given


def all_back_in_line() -> int:
    """Put back in line whatever is said to be worked on, as after a restore nobody is at it; return how much."""
    return sum(_back_in_line(kind.objects.filter(state=RunState.RUNNING)) for kind in KINDS)


def break_off(kind: type[Work], pk: UUID, error: Exception) -> None:
    """Write down that this process's work on the row broke off, for an error that nobody expected.

    When the database went away it goes back in line, the attempt not counted; else the row fails with the reason.
    While nothing can be written it is kept for the next claim.
    """
    with _writing:
        _broken.append((kind, pk, error))
    with suppress(OperationalError, InterfaceError):
        _write_broken()


@dataclass
class Teller(Generic[Row]):
    """Writes to the row how far it is and that its worker is alive; now and then only, and ``only`` to such a row."""

    row: Row
    only: Mapping[str, Any] = field(default_factory=dict)
    told: float = 0.0
    asked: float = field(default_factory=time.monotonic)

    def __call__(self, **fields: Any) -> bool:
        """Return False when there was nobody to tell: no such row, it was given back, or another attempt has begun.

        Also when its person has no right to it any more, which is then written on the row as its end.
        """
        if time.monotonic() - self.told <= TELL_EVERY:
            return True
        if time.monotonic() - self.asked > ASK_EVERY:
            self.asked = time.monotonic()
            if refused := refusal(self.row):
                fail(self.row, refused)
                return False
        self.told = time.monotonic()
        return bool(_mine(self.row).filter(**self.only).update(**fields, heard_at=timezone.now()))


def _mine(row: Work) -> QuerySet[Any]:
    """The row as this attempt knows it: the number alone would not do, as one that is given back has it again."""
    return type(row).objects.filter(pk=row.pk, attempts=row.attempts, worker=row.worker, state=row.state)


def _running_here(kind: type[Work]) -> QuerySet[Any]:
    return kind.objects.filter(state=RunState.RUNNING, worker=leases.worker_name())


def _back_in_line(rows: QuerySet[Any]) -> int:
    return rows.update(state=RunState.QUEUED, worker="", attempts=Greatest(F("attempts") - 1, 0))


def _write_broken() -> None:
    with _writing:
        while _broken:
            kind, pk, error = _broken[-1]
            rows = _running_here(kind).filter(pk=pk)
            if faults.is_database_away(error):
                _back_in_line(rows)
            else:
                why = faults.reason(error)
                failed = {"error_code": why.code, "error_text": why.message, "finished_at": timezone.now()}
                rows.update(state=RunState.FAILED, **failed)
            _broken.pop()


def _hold(kind: type[Work]) -> None:
    """Until the transaction ends nobody else takes one of this kind: two rows of their own would not stand in line."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"line {kind._meta.label}"])


def _is_free(row: Work) -> bool:
    return row.state == RunState.QUEUED or (
        row.state == RunState.RUNNING and leases.is_lost(row.worker, row.heard_at, silence=SILENCE)
    )


def _busy(kind: type[Work]) -> bool:
    """Tell whether one of this kind is being worked on; one at a time leaves room for everything else."""
    running = kind.objects.filter(state=RunState.RUNNING).values_list("worker", "heard_at")
    return any(not leases.is_lost(worker, heard_at, silence=SILENCE) for worker, heard_at in running)
