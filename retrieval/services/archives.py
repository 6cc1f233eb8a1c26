"""ZIP archives: taken in at once, taken apart by a worker, and gone on with after a crash."""

from __future__ import annotations

import uuid
from concurrent.futures import wait
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from retrieval import conf
from retrieval.errors import NotFound, RetrievalError, StorageFull, Unavailable
from retrieval.ingest import files, store
from retrieval.ingest.archive import ArchiveLimits, PictureArchive
from retrieval.models import ArchiveImport, Collection, ImportIssue, Role
from retrieval.models.imports import ImportState
from retrieval.services import collections, imports
from retrieval.services.imports import Outcome, Source
from retrieval.services.picture_fields import shown_name

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet



def start(file: BinaryIO, *, name: str, user: User, collection: Collection) -> ArchiveImport:
    """Keep an archive and write down that it is to be taken apart; the edge wakes a worker. A contributor may.

    Raises NotFound, Forbidden, TooLarge, UnsupportedPicture (no sound archive) and StorageFull; nothing is kept then.
    """
    collections.require(collection, user=user, role=Role.CONTRIBUTOR)
    path = conf.get().incoming / f"{uuid.uuid4().hex}.zip"
    files.receive(file, path, most=conf.get().limits.archive_bytes)
    with ExitStack() as undo:
        undo.callback(path.unlink)
        with PictureArchive(path, _limits()) as archive:
            total = len(archive)
        job = ArchiveImport.objects.create(
            user=user, collection=collection, name=shown_name(name), file=path.name, total=total
        )
        undo.pop_all()
    return job


def get(import_id: UUID | str, *, user: User) -> ArchiveImport:
    """Return one of the person's own imports, or raise NotFound."""
    found = ArchiveImport.objects.filter(pk=import_id, user_id=user.pk).first()
    if found is None:
        raise NotFound("There is no such import.")
    return found


def unfinished() -> list[UUID]:
    """Return the imports that nobody works on now: waiting, or left behind by a worker that died."""
    return list(_free().order_by("created_at").values_list("pk", flat=True))


def run(import_id: UUID) -> None:
    """Take an archive apart, batch by batch, each with its progress in one commit; may run twice without harm.

    The person's rights are asked for now and before each batch; without them the import ends, and what is in stays.
    Raises Unavailable and StorageFull, after which the import waits to be gone on with; whatever is wrong with the
    archive itself is written into its row.
    """
    job = _claim(import_id)
    if job is None:
        return
    try:
        collections.acting(job.collection_id, user=job.user)
        _take_apart(job)
    except (Unavailable, StorageFull):
        _mine(job).update(lease_until=timezone.now())
        raise
    except FileNotFoundError:
        _end(job, NotFound("The archive is not there any more.", code="archive_missing"))
    except LeaseLostError:
        return
    except RetrievalError as error:
        _end(job, error)
    else:
        _end(job)


class LeaseLostError(Exception):
    """Another worker has taken over."""


def _take_apart(job: ArchiveImport) -> None:
    place = store.Place(job.collection, job.user, imports.PRIORITY_BULK)
    with PictureArchive(conf.get().incoming / job.file, _limits()) as archive:
        members = archive.members(start=job.position)
        sources = (Source(member.name, member.data, member.error) for member in members)
        for batch in imports.batches(sources, place=place):
            wait(batch.decoding.values())
            with transaction.atomic():
                _hold(job)
                collections.acting(job.collection_id, user=job.user)  # they may have been taken out meanwhile
                _count(job, imports.finish(batch, place=place))


def _count(job: ArchiveImport, outcomes: list[Outcome]) -> None:
    """Write progress and refusals; a restart goes on behind them."""
    refused = [(outcome.name, outcome.error) for outcome in outcomes if outcome.error]
    created = sum(outcome.created for outcome in outcomes)
    _mine(job).update(
        position=F("position") + len(outcomes),
        done=F("done") + created,
        failed=F("failed") + len(refused),
        skipped=F("skipped") + len(outcomes) - created - len(refused),
    )
    ImportIssue.objects.bulk_create(
        [ImportIssue(job=job, name=name, code=error.code, message=error.message) for name, error in refused]
    )


def _free() -> QuerySet[ArchiveImport]:
    abandoned = Q(state=ImportState.RUNNING, lease_until__lte=timezone.now())
    return ArchiveImport.objects.filter(Q(state=ImportState.QUEUED) | abandoned)


def _claim(import_id: UUID) -> ArchiveImport | None:
    """Take the import under a lease; None when it is finished or in other hands."""
    with transaction.atomic():
        job = _free().select_for_update(skip_locked=True, of=("self",)).filter(pk=import_id).first()
        if job:
            job.state, job.lease_token, job.lease_until = ImportState.RUNNING, uuid.uuid4(), _lease_end()
            job.save(update_fields=["state", "lease_token", "lease_until"])
    return job


def _hold(job: ArchiveImport) -> None:
    if not _mine(job).update(lease_until=_lease_end()):
        raise LeaseLostError


def _mine(job: ArchiveImport) -> QuerySet[ArchiveImport]:
    return ArchiveImport.objects.filter(pk=job.pk, lease_token=job.lease_token)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=conf.get().ledger.lease)


def _end(job: ArchiveImport, error: RetrievalError | None = None) -> None:
    """Write the end into the row, then remove the archive."""
    ended = _mine(job).update(
        state=ImportState.FAILED if error else ImportState.DONE,
        error_code=error.code if error else "",
        error_text=error.message if error else "",
        finished_at=timezone.now(),
        lease_token=None,
        lease_until=None,
        file="",
    )
    if ended:
        files.remove([conf.get().incoming / job.file])


def _limits() -> ArchiveLimits:
    limits = conf.get().limits
    return ArchiveLimits(limits.archive_members, limits.archive_real_bytes, limits.image_bytes)
