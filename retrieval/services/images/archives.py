"""ZIP archives: taken in at once, taken apart by a worker, and gone on with after a crash."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval import conf
from retrieval.errors import NotFound, RetrievalError, StorageFull, TooLarge, Unavailable
from retrieval.ingest import Asker, archive, files, store
from retrieval.models import ArchiveImport, Collection, ImportIssue, Role
from retrieval.models.imports import ImportState
from retrieval.services.images import collections, imports
from retrieval.services.images.image_fields import shown_name
from retrieval.services.images.imports import Batch, Outcome, Source
from retrieval.services.people import rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

# So long one archive is worked on before it is another person's turn, the pictures that have a decoder by then apart.
TURN_SECONDS = 5.0
WAKE_SECONDS = 1.0
CLAIMS = 0x696D706F727473  # the lock under which imports are claimed: "imports"


def start(file: BinaryIO, *, name: str, user: User, collection: Collection) -> ArchiveImport:
    """Keep an archive and write down that it is to be taken apart; the edge wakes a worker. A contributor may.

    Raises NotFound, Forbidden, TooLarge, UnsupportedPicture (no sound archive) and StorageFull; nothing is kept then.
    """
    rights.require_role(collection, user=user, role=Role.CONTRIBUTOR)
    path = conf.get().incoming / f"{uuid.uuid4().hex}.zip"
    files.receive(file, path, most=conf.get().limits.archive_bytes)
    with ExitStack() as undo:
        undo.callback(path.unlink)
        with archive.PictureArchive(path, _limits()) as opened:
            total = len(opened)
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
    """Return the imports that may be worked on now, in the order of their turns.

    Waiting ones, and those left behind by a worker that died, of people of whom none is being worked on; who had a turn
    last comes last.
    """
    return list(_free().order_by(Coalesce("lease_until", "created_at")).values_list("pk", flat=True))


def run(import_id: UUID) -> bool:
    """Take an archive apart for the length of a turn, batch by batch, each with its progress in one commit.

    May run twice without harm. Returns whether it had a turn: then ``unfinished`` says whose the next is. False where
    the import is finished, in other hands, or of a person another of whose archives is being taken apart.
    The person's rights are asked for now and before each batch; without them the import ends, and what is in stays.
    Raises Unavailable and StorageFull, after which the import waits to be gone on with; whatever is wrong with the
    archive itself is written into its row.
    """
    job = _claim(import_id)
    if job is None:
        return False
    try:
        collections.acting(job.collection_id, user=job.user)
        if _take_apart(job):
            _mine(job).update(lease_until=timezone.now())
            return True
    except (Unavailable, StorageFull):
        _mine(job).update(lease_until=timezone.now())
        raise
    except FileNotFoundError:
        _end(job, NotFound("The archive is not there any more.", code="archive_missing"))
    except LeaseLostError:
        return False
    except RetrievalError as error:
        _end(job, error)
    else:
        _end(job)
    return True


GOING = (ImportState.QUEUED, ImportState.RUNNING)


class LeaseLostError(Exception):
    """Another worker has taken over."""


def _take_apart(job: ArchiveImport) -> bool:
    """Put members in until the turn is over; returns whether some are left. Raises TooLarge when they took too long."""
    turn = Turn(time.monotonic() + TURN_SECONDS, [job.decode_seconds])
    place = store.Place(job.collection, job.user, imports.PRIORITY_BULK)
    with archive.PictureArchive(conf.get().incoming / job.file, _limits()) as opened:
        left = len(opened) - job.position
        members = opened.members(start=job.position)
        sources = (Source(member.name, member.data, member.error) for member in members)
        intake = imports.Intake(sources, place=place, asker=Asker.behind(job.user_id, charge=turn.charge))
        for batch in intake:
            _wait(job, batch, turn=turn, intake=intake)
            with transaction.atomic():
                _hold(job)
                collections.acting(job.collection_id, user=job.user)  # they may have been taken out meanwhile
                outcomes = imports.finish(batch, place=place)
                _count(job, outcomes, turn=turn)
            left -= len(outcomes)
            turn.require_little()
    return left > 0


def _wait(job: ArchiveImport, batch: Batch, *, turn: Turn, intake: imports.Intake) -> None:
    """Wait until the batch is decoded, under a lease that is renewed; at the end of the turn nothing more is begun."""
    while waiting := batch.waits_for:
        wait(waiting, timeout=min(WAKE_SECONDS, conf.get().ledger.lease / 4))
        if turn.over:
            intake.cut()
        _hold(job)
    if turn.over:
        intake.cut()


@dataclass
class Turn:
    """One stretch of work on an archive: until when, and how long each of its members held a decoder, in all turns."""

    ends: float
    taken: list[float]

    def charge(self, seconds: float) -> None:
        """Note what one member took; from any thread."""
        self.taken.append(seconds)

    @property
    def seconds(self) -> float:
        """How long all of them held decoders."""
        return sum(self.taken)

    @property
    def over(self) -> bool:
        """Whether it is another's turn, or the archive has had all of its own."""
        return time.monotonic() > self.ends or self.seconds > conf.get().limits.archive_decode_seconds

    def require_little(self) -> None:
        """Raise TooLarge when the archive's pictures took too long."""
        most = conf.get().limits.archive_decode_seconds
        if self.seconds > most:
            message = f"Reading the archive's pictures took more than {most} s; those read before are kept."
            raise TooLarge(message, code="archive_too_slow")


def _count(job: ArchiveImport, outcomes: list[Outcome], *, turn: Turn) -> None:
    """Write progress and refusals; a restart goes on behind them."""
    refused = [(outcome.name, outcome.error) for outcome in outcomes if outcome.error]
    created = sum(outcome.created for outcome in outcomes)
    _mine(job).update(
        position=F("position") + len(outcomes),
        done=F("done") + created,
        failed=F("failed") + len(refused),
        skipped=F("skipped") + len(outcomes) - created - len(refused),
        decode_seconds=turn.seconds,
    )
    ImportIssue.objects.bulk_create(
        [ImportIssue(job=job, name=name, code=error.code, message=error.message) for name, error in refused]
    )


def _free() -> QuerySet[ArchiveImport]:
    """What waits, and nobody works on; of each person one archive at a time, so that many take no more threads."""
    running = Q(state=ImportState.RUNNING)
    at_work = ArchiveImport.objects.filter(running, user=OuterRef("user"), lease_until__gt=timezone.now())
    abandoned = running & Q(lease_until__lte=timezone.now())
    return ArchiveImport.objects.filter(Q(state=ImportState.QUEUED) | abandoned).exclude(Exists(at_work))


def _claim(import_id: UUID) -> ArchiveImport | None:
    """Take the import under a lease; None when it is finished, in other hands, or not its person's turn."""
    with transaction.atomic():
        # One claim at a time, or two of a person's archives are begun in the same moment.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIMS])
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


def _limits() -> archive.ArchiveLimits:
    limits = conf.get().limits
    return archive.ArchiveLimits(limits.archive_members, limits.archive_real_bytes, limits.image_bytes)
