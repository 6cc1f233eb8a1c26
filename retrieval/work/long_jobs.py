"""Long work as rows: claimed by one worker at a time, stopped, begun again, removed, and lost with its worker."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from retrieval.errors import Conflict, RetrievalError
from retrieval.models import GOING, LongJob, LongJobState
from retrieval.work import faults, leases
from retrieval.work.kinds import TOO_LONG, Kind, ProgressWriter, Row, StoppedError, held

log = structlog.get_logger(__name__)

ATTEMPTS = 3
EXHAUSTED = RetrievalError("This ended its worker every time it was tried.", code="worker_ended")
FREE: Mapping[str, Any] = {"worker": "", "lease_token": None}

stopping = threading.Event()
"""Set once this process is to end: it takes nothing more."""

# What broke off while the database was away; the next claim of this process writes it down.
_broken: list[tuple[type[LongJob], UUID, Exception]] = []
_writing = threading.Lock()


def run(kind: Kind[Row], pk: UUID) -> bool:
    """Work on a row, for one turn; False when there was nothing to do, or a passing trouble put it back in line.

    May be asked twice: one worker at a time has it, and one that died or fell silent loses it to the next. Every
    expected error ends up on the row.
    """
    row = claim(kind, pk)
    if row is None:
        return False
    try:
        _work(kind, row)
    except StoppedError:
        end(row, LongJobState.CANCELLED)
    except kind.passing as error:
        log.warning("long_job_waits", kind=kind.name, row=str(row.pk), code=error.code, reason=error.message)
        _back_in_line(held(row))
        return False
    except RetrievalError as error:
        fail(row, error)
    _discard_unneeded(kind, row)
    return True


def claim(kind: Kind[Row], pk: UUID) -> Row | None:
    """Take it, unless it is over, somebody has it, or what goes on leaves no room for it.

    One that cost too many workers fails, and one whose person has no right to it any more.
    """
    _write_broken()
    with transaction.atomic():
        _hold(kind.model)
        rows = kind.model._default_manager.select_for_update(of=("self",)).select_related("user", "collection")
        row = rows.filter(pk=pk).first()
        if row is None or stopping.is_set() or not row.going or not _has_room(kind, row):
            return None
        if row.cancel_asked:
            end(row, LongJobState.CANCELLED)
            return None
        if refused := EXHAUSTED if row.attempts >= ATTEMPTS else kind.refusal(row):
            fail(row, refused)
            return None
        _take(row)
    return row


def next_up(kind: Kind[Row]) -> list[UUID]:
    """Return what may be begun now, first come first: one row, or one of each person."""
    rows = list(kind.model._default_manager.filter(state__in=GOING).order_by("queued_at", "pk"))
    busy = {_line(kind, row) for row in rows if _is_held(kind, row)}
    first = {_line(kind, row): row.pk for row in reversed(rows)}
    return [row.pk for row in rows if first[_line(kind, row)] == row.pk and _line(kind, row) not in busy]


def cancel(row: LongJob) -> None:
    """Take it out of the line, or ask its worker to stop, which it does within seconds."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.filter(state=LongJobState.QUEUED).update(state=LongJobState.CANCELLED, finished_at=timezone.now())
    rows.filter(state=LongJobState.RUNNING).update(cancel_asked=True)


def resume(kind: Kind[Row], row: Row) -> None:
    """Put one that failed or was stopped back in line, as its last. Raises Conflict for any other."""
    ended = kind.model._default_manager.filter(state__in=(LongJobState.FAILED, LongJobState.CANCELLED))
    with transaction.atomic():
        if not ended.select_for_update().filter(pk=row.pk).exists():
            raise Conflict("Only what failed or was stopped can be begun again.", code="long_job_not_over")
        kind.again(row)
        ended.filter(pk=row.pk).update(
            **FREE, state=LongJobState.QUEUED, attempts=0, cancel_asked=False, error_code="", error_text="",
            queued_at=timezone.now(), finished_at=None,
        )  # fmt: skip


def remove(kind: Kind[Row], row: Row) -> None:
    """Forget one with its files. Raises Conflict for one that is not over."""
    with transaction.atomic():
        if not kind.model._default_manager.filter(pk=row.pk).exclude(state__in=GOING).delete()[0]:
            raise Conflict("Stop it first; only one that is over can be removed.", code="long_job_going")
        transaction.on_commit(lambda: _discard(kind, row))


def end(row: LongJob, state: str, **fields: Any) -> bool:
    """Write the end; False when it was given back, another attempt has begun, or the row is gone."""
    log.info("long_job_ended", kind=row._meta.model_name, row=str(row.pk), state=state)
    return bool(held(row).update(**FREE, **fields, state=state, finished_at=timezone.now()))


def fail(row: LongJob, error: RetrievalError) -> bool:
    """Write why it failed; False as ``end``."""
    return end(row, LongJobState.FAILED, error_code=error.code, error_text=error.message)


def give_back() -> int:
    """Put what this process is at back in line, the attempt not counted, as it is to end; return how many."""
    given = 0
    for model in models():
        with transaction.atomic():
            _hold(model)  # a claim that is being written comes first
            given += _back_in_line(_running_here(model))
    return given


def all_back_in_line() -> int:
    """Put back in line whatever is said to be worked on, as after a restore nobody is at it; return how much."""
    return sum(_back_in_line(model._default_manager.filter(state=LongJobState.RUNNING)) for model in models())


def models() -> list[type[LongJob]]:
    """Return the tables of all kinds."""
    return LongJob.__subclasses__()


def break_off(kind: Kind[Row], pk: UUID, error: Exception) -> None:
    """Write down that this process's work on the row broke off, for an error that nobody expected.

    When the database went away it goes back in line, the attempt not counted; else the row fails with the reason.
    While nothing can be written it is kept for the next claim.
    """
    with _writing:
        _broken.append((kind.model, pk, error))
    with suppress(OperationalError, InterfaceError):
        _write_broken()


def end_overdue(kind: Kind[Row]) -> int:
    """Fail what hangs: its worker lives, but has been silent for long and should have ended; return how many.

    What does tell of itself ends by itself when it takes too long.
    """
    silent = timezone.now() - kind.silent
    running = kind.model._default_manager.filter(state=LongJobState.RUNNING, heartbeat_at__lt=silent)
    hanging = running.filter(started_at__lt=silent - kind.most)
    return sum(fail(row, TOO_LONG) for row in hanging if _is_held(kind, row))


def strays(kind: Kind[Row]) -> list[Path]:
    """Return the folders that no row needs: it is gone, with its collection for example, or ended so."""
    needed = {str(pk) for pk in _needing(kind).values_list("pk", flat=True)}
    there = kind.root.iterdir() if kind.folder and kind.root.is_dir() else ()
    return [path for path in there if _is_id(path.name) and path.name not in needed]


def tidy(kind: Kind[Row]) -> int:
    """Remove the folders that no row needs; return how many."""
    gone = strays(kind)
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def _work(kind: Kind[Row], row: Row) -> None:
    """Do the work, then settle it and end the row in one commit; a turn that is over puts it back in line."""
    settle = kind.do(row, ProgressWriter(kind, row))
    if settle is None:
        _back_in_line(held(row), queued_at=timezone.now())
        return
    with transaction.atomic():
        if not end(row, LongJobState.DONE, **settle()):
            raise StoppedError


def _take(row: LongJob) -> None:
    now = timezone.now()
    row.state, row.attempts, row.started_at, row.heartbeat_at = LongJobState.RUNNING, row.attempts + 1, now, now
    row.worker, row.lease_token = leases.worker_name(), uuid.uuid4()
    row.save(update_fields=["state", "attempts", "started_at", "heartbeat_at", "worker", "lease_token"])


def _running_here(model: type[LongJob]) -> QuerySet[Any]:
    return model._default_manager.filter(state=LongJobState.RUNNING, worker=leases.worker_name())


def _back_in_line(rows: QuerySet[Any], **fields: Any) -> int:
    return rows.update(**FREE, **fields, state=LongJobState.QUEUED, attempts=Greatest(F("attempts") - 1, 0))


def _write_broken() -> None:
    with _writing:
        while _broken:
            model, pk, error = _broken[-1]
            rows = _running_here(model).filter(pk=pk)
            if faults.is_database_away(error):
                _back_in_line(rows)
            else:
                why = faults.reason(error)
                failed = {"error_code": why.code, "error_text": why.message, "finished_at": timezone.now()}
                rows.update(**FREE, **failed, state=LongJobState.FAILED)
            _broken.pop()


def _hold(model: type[LongJob]) -> None:
    """Until the transaction ends nobody else takes one of this kind: two rows of their own would not stand in line."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"line {model._meta.label}"])


def _has_room(kind: Kind[Row], row: Row) -> bool:
    """Tell whether nobody works on it, nor on another that stands before it in the same line."""
    running = kind.model._default_manager.filter(state=LongJobState.RUNNING)
    return not any(_is_held(kind, each) for each in running if _line(kind, each) == _line(kind, row))


def _line(kind: Kind[Row], row: Row) -> Any:
    """Of each line one is worked on at a time, which leaves room for everything else."""
    return row.user_id if kind.of_each_person else None


def _is_held(kind: Kind[Row], row: Row) -> bool:
    lost = leases.is_lost(row.worker, row.heartbeat_at, silence=kind.silent)
    return row.state == LongJobState.RUNNING and not lost


def _needing(kind: Kind[Row]) -> QuerySet[Row]:
    """Those whose files are needed: kept in their state, or being worked on, be it by another attempt."""
    return kind.model._default_manager.filter(state__in={*kind.keeps, *GOING})


def _discard_unneeded(kind: Kind[Row], row: Row) -> None:
    if not _needing(kind).filter(pk=row.pk).exists():
        _discard(kind, row)


def _discard(kind: Kind[Row], row: Row) -> None:
    if kind.folder:
        shutil.rmtree(kind.folder_of(row), ignore_errors=True)
    for path in kind.files(row):
        path.unlink(missing_ok=True)


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
