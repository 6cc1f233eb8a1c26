"""What people do with the long work that they asked for, whatever its kind: follow, stop, begin again, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from retrieval.errors import NotFound
from retrieval.models import LongJob
from retrieval.services.copies import batches, scans
from retrieval.services.encoders import compressions, maps, training
from retrieval.services.evaluation import calibrations, evaluations
from retrieval.services.images import archives
from retrieval.services.people import accounts
from retrieval.work import Kind, Row, long_jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        archives.KIND,
        batches.KIND,
        scans.KIND,
        evaluations.KIND,
        calibrations.KIND,
        compressions.KIND,
        training.KIND,
        maps.KIND,
    )
}


def kind_of(row: LongJob) -> Kind[Any]:
    """Return the kind of a row."""
    return next(kind for kind in KINDS.values() if kind.model is type(row))


def listing(kind: Kind[Row], *, user: User) -> QuerySet[Row]:
    """Return what this person may follow, newest first, without what came out. Raises Forbidden."""
    return kind.seen_by(user).select_related("user", "collection").order_by("-created_at", "-pk")


def get(kind: Kind[Row], pk: UUID | str, *, user: User) -> Row:
    """Return one with what came out. Raises Forbidden, and NotFound for one that the person may not follow."""
    found = listing(kind, user=user).defer(None).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such job.")
    return found


def cancel(row: LongJob, *, user: User) -> None:
    """Take it out of the line, or ask its worker to stop, which it does within seconds. Raises as ``get``."""
    get(kind_of(row), row.pk, user=user)
    with transaction.atomic():
        long_jobs.cancel(row)
        accounts.record(user, f"{row._meta.model_name}.cancelled", row, name=str(row))


def resume(row: LongJob, *, user: User) -> None:
    """Put one that failed or was stopped back in line; the edge wakes the worker.

    Raises Forbidden or NotFound when who asked for it may not have it done any more, Conflict for one that did neither,
    and what else stands in the way.
    """
    kind = kind_of(row)
    if refused := kind.refusal(row):
        raise refused
    with transaction.atomic():
        long_jobs.resume(kind, row)
        accounts.record(user, f"{row._meta.model_name}.resumed", row, name=str(row))


def remove(row: LongJob, *, user: User) -> None:
    """Forget one with its files; what was made of it stays. Raises as ``get``; Conflict for one that is not over."""
    get(kind_of(row), row.pk, user=user)
    with transaction.atomic():
        accounts.record(user, f"{row._meta.model_name}.removed", row, name=str(row))
        long_jobs.remove(kind_of(row), row)


def strays() -> list[Path]:
    """Return the folders of long work that no row needs."""
    return [path for kind in KINDS.values() for path in long_jobs.strays(kind)]


def tidy() -> None:
    """Remove the folders that no row needs, and end what hangs."""
    for kind in KINDS.values():
        long_jobs.end_overdue(kind)
        long_jobs.tidy(kind)


def next_up() -> list[tuple[str, UUID]]:
    """Return what may be begun now, each with the name of its kind."""
    return [(kind.name, pk) for kind in KINDS.values() for pk in long_jobs.next_up(kind)]
