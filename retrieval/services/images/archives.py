"""ZIP archives and documents of many pages: taken in at once, taken apart by a worker, gone on with after a crash."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from retrieval import conf
from retrieval.errors import NotFound, StorageFull, TooLarge, Unavailable
from retrieval.ingest import Asker, archive, files, store
from retrieval.models import GOING, ArchiveImport, Collection, ImportIssue, LongJobState, Role
from retrieval.models.bounds import PATH_LENGTH
from retrieval.services.images import collections, documents, imports, tables
from retrieval.services.images.image_fields import ImageChanges, shown_name
from retrieval.services.images.imports import Batch, Outcome, Source
from retrieval.services.people import rights
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer

# So long one archive is worked on before it is another person's turn, the pictures that have a decoder by then apart.
TURN_SECONDS = 5.0
WAKE_SECONDS = 1.0
KEPT = timedelta(days=1)  # so long an archive that failed or was stopped can be gone on with


def start(file: BinaryIO, *, name: str, user: User, collection: Collection) -> ArchiveImport:
    """Keep an archive and write down that it is to be taken apart; the edge wakes a worker. A contributor may.

    A table in it (``metadata.csv``) tells of its pictures. Raises NotFound, Forbidden, TooLarge, UnsupportedPicture (no
    sound archive), InvalidInput (its table) and StorageFull; nothing is kept then.
    """
    rights.require_role(collection, user=user, role=Role.CONTRIBUTOR)
    path = conf.get().incoming / f"{uuid.uuid4().hex}.zip"
    files.receive(file, path, most=conf.get().limits.archive_bytes)
    with ExitStack() as undo:
        undo.callback(path.unlink)
        with archive.PictureArchive(path, _limits()) as opened:
            total = len(opened)
            tables.require_files(_texts(opened), opened.names)
        job = ArchiveImport.objects.create(
            user=user, collection=collection, name=shown_name(name), file=path.name, total=total
        )
        undo.pop_all()
    return job


def seen_by(user: Viewer) -> QuerySet[ArchiveImport]:
    """Return the person's own imports."""
    return ArchiveImport.objects.filter(user_id=user.pk or 0)


def _take_apart(job: ArchiveImport, progress: ProgressWriter[ArchiveImport]) -> Settle | None:
    """Put members in until the turn is over, batch by batch, each with its progress in one commit.

    Returns None when some are left. The person's rights are asked for before each batch; without them the import ends,
    and what is in stays. Raises NotFound for an archive that is gone, and TooLarge when its pictures took too long.
    """
    turn = Turn(time.monotonic() + TURN_SECONDS, [job.decode_seconds])
    with _opened(job) as (members, sources):
        left = members
        place = store.Place(job.collection, job.user, imports.PRIORITY_BULK)
        intake = imports.Intake(sources, place=place, asker=Asker.behind(job.user_id, charge=turn.charge))
        for batch in intake:
            _wait(batch, turn=turn, intake=intake, progress=progress)
            left -= _put_in(batch, place=place, turn=turn, progress=progress)
            turn.require_little()
    return None if left else lambda: {"file": ""}


@contextmanager
def _opened(job: ArchiveImport) -> Iterator[tuple[int, Iterator[Source]]]:
    """How many members, or pages, are left, and these. Raises NotFound."""
    path = archive_of(job)
    if job.document:
        yield job.total - job.position, documents.sources(job.document, start=job.position, scenes=job.scenes)
        return
    with archive.PictureArchive(path, _limits()) as opened:
        texts = _texts(opened)
        sources = (
            Source(member.name, member.data, member.error, _said(member.name, texts))
            for member in opened.members(start=job.position)
        )
        yield len(opened) - job.position, sources


def _texts(opened: archive.PictureArchive) -> tables.Texts:
    """What the archive's table says of its members. Raises InvalidInput."""
    found = opened.table()
    return tables.read(found[1], folder=found[0]) if found else {}


def _said(name: str, texts: tables.Texts) -> ImageChanges:
    """What the table says of a member, and where it lay."""
    path = tables.path_of(name)
    return replace(texts.get(path, ImageChanges()), path=path[:PATH_LENGTH])


def _put_in(batch: Batch, *, place: store.Place, turn: Turn, progress: ProgressWriter[ArchiveImport]) -> int:
    """Keep what of a batch was decoded, while its person still may; return how many members are behind it."""
    with transaction.atomic():
        collections.acting(place.collection.pk, user=place.user)  # they may have been taken out meanwhile
        outcomes = imports.finish(batch, place=place)
        _count(outcomes, turn=turn, progress=progress)
    return len(outcomes)


def awaited() -> set[str]:
    """Return the names of the files that wait to be taken apart, or to be gone on with."""
    lately = Q(finished_at__gt=timezone.now() - KEPT)
    return set(
        ArchiveImport.objects.filter(Q(state__in=GOING) | lately).exclude(file="").values_list("file", flat=True)
    )


def archive_of(job: ArchiveImport) -> Path:
    """Return where the archive lies. Raises NotFound when it is gone, or was taken away some time after it ended."""
    path = _place_of(job)
    if path is None or not path.is_file():
        raise NotFound("The archive is not there any more.", code="archive_missing")
    return path


def is_there(job: ArchiveImport) -> bool:
    """Whether what is to be taken apart is still there."""
    path = _place_of(job)
    return path is not None and path.is_file()


def _place_of(job: ArchiveImport) -> Path | None:
    if job.document:
        return documents.file_of(job.document)
    return conf.get().incoming / job.file if job.file else None


def _wait(batch: Batch, *, turn: Turn, intake: imports.Intake, progress: ProgressWriter[ArchiveImport]) -> None:
    """Wait until the batch is decoded, under a sign of life; at the end of the turn nothing more is begun."""
    while waiting := batch.waits_for:
        wait(waiting, timeout=WAKE_SECONDS)
        if turn.over:
            intake.cut()
        progress.note()
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


def _count(outcomes: list[Outcome], *, turn: Turn, progress: ProgressWriter[ArchiveImport]) -> None:
    """Write progress and refusals; a restart goes on behind them."""
    refused = [(outcome.name, outcome.error) for outcome in outcomes if outcome.error]
    created = sum(outcome.created for outcome in outcomes)
    progress.further(
        stage="unpacking",
        position=F("position") + len(outcomes),
        done=F("done") + created,
        failed=F("failed") + len(refused),
        skipped=F("skipped") + len(outcomes) - created - len(refused),
        decode_seconds=turn.seconds,
    )
    ImportIssue.objects.bulk_create(
        [ImportIssue(job=progress.row, name=name, code=error.code, message=error.message) for name, error in refused]
    )


def _require(job: ArchiveImport, person: Viewer) -> None:
    collections.acting(job.collection_id, user=person)


def _limits() -> archive.ArchiveLimits:
    limits = conf.get().limits
    return archive.ArchiveLimits(limits.archive_members, limits.archive_real_bytes, limits.image_bytes)


KIND = Kind(
    "imports",
    _take_apart,
    model=ArchiveImport,
    require=_require,
    seen_by=seen_by,
    again=archive_of,
    files=lambda job: [conf.get().incoming / job.file] if job.file else [],
    keeps=(*GOING, LongJobState.FAILED, LongJobState.CANCELLED),
    passing=(Unavailable, StorageFull),
    of_each_person=True,
    most=timedelta(hours=1),  # of one turn
    silent=timedelta(minutes=2),
)
