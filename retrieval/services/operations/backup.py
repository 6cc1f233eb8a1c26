"""A backup in one file while the system works, and a restore into an empty system; both check every byte."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.pq import Conninfo

from retrieval import conf, live_encoders, whole_files
from retrieval.errors import Conflict, InvalidInput, StorageFull, Unavailable
from retrieval.ingest import files, fingerprint, folder_mark
from retrieval.models import GOING, ArchiveImport, Collection, Encoder, Image
from retrieval.progress import Progress
from retrieval.services.images import purging
from retrieval.services.operations import audit_rows, backup_file, clocks
from retrieval.services.operations.backup_file import DUMP, Checked, Manifest
from retrieval.work import jobs, long_jobs

# Of these only the table is kept: they are of the moment, or would let somebody in.
EMPTIED = (
    "django_session",
    "retrieval_firstlink",
    "retrieval_heartbeat",
    "retrieval_idempotencykey",
    "retrieval_session",
)
# The lines of a dump's table of contents that a plain user can neither drop nor make.
OF_THE_OPERATOR = re.compile(r"\d+; \d+ \d+ (EXTENSION - |COMMENT - EXTENSION )")
PLACED_AT_ONCE = 32
# Lies in the data folder while a restore is under way and says of which backup, so that it can be gone on with.
MARK = "restoring"


@dataclass(frozen=True)
class Member:
    """A file for a backup: its name there, where it lies, and its SHA-256 as far as the rows know it."""

    name: str
    path: Path
    sha256: str | None


def backup(target: Path, *, progress: Progress) -> Manifest:
    """Write everything into one tar file, as it was at one moment, while uploads and searches go on.

    The rows are those of one snapshot; the files they name never change, and the purge waits until the end. The file
    has its name only when it is complete and on the disk, and is for its owner alone (mode 0600). Raises InvalidInput
    when it exists or cannot be written, or a file of the system is damaged, Unavailable when the database cannot be
    dumped.
    """
    if target.exists():
        raise InvalidInput.of("file", f"{target} exists already; nothing is overwritten.")
    if not target.parent.is_dir():
        raise InvalidInput.of("file", f"There is no folder {target.parent}.")
    try:
        # Nobody else may read it: it will hold all pictures, and digests of passwords.
        replacing = whole_files.replacing(target, mode=0o600)
        with purging.paused(), replacing as file, tarfile.open(fileobj=file, mode="w") as archive:
            return _write(archive, progress=progress)
    except OSError as error:
        raise InvalidInput.of("file", f"The backup cannot be written: {error}") from error


def restore(source: Path, *, progress: Progress) -> Manifest:
    """Fill an empty system from a backup: the database in one transaction, then the files.

    Before anything is changed the whole file is read and compared with its digests. The schema comes along and is
    brought up to date; what was being worked on goes back in line. One that was broken off is gone on with by the same
    call. Raises Conflict when there are pictures or collections already, InvalidInput when the file is not, byte for
    byte, a backup, StorageFull when its files have no room, Unavailable when the database refuses it; in all these
    cases rows and files stay as they were.
    """
    mark = conf.get().data_dir / MARK
    if not _is_empty() and not mark.exists():
        raise Conflict("This system holds pictures or collections; restore into an empty one.", code="not_empty")
    with backup_file.opened(source, progress=progress) as checked:
        if not _is_empty() and mark.read_text() != checked.manifest.sums:
            raise Conflict("Another backup was begun to be restored here; go on with that one.", code="not_empty")
        _require_places(checked)
        progress("database", 0, 1)
        if _is_empty():
            _fill(checked, mark=mark)
        call_command("migrate", verbosity=0)
        progress("database", 1, 1)
        _place_all(checked, progress=progress)
        _settle()
    folder_mark.settle(adopt=True)
    mark.unlink()
    return checked.manifest


def _is_empty() -> bool:
    """Before the first start there are no tables; the backup brings them along."""
    if Collection._meta.db_table not in connection.introspection.table_names():
        return True
    return not (Collection.objects.exists() or Image.objects.exists())


def _settle() -> None:
    """What the snapshot caught in the middle of work waits for its turn; what waits for long deleted is purged."""
    jobs.all_back_in_line()
    long_jobs.all_back_in_line()
    audit_rows.end_lost_archives()
    clocks.set_right()
    purging.purge_deleted()


@contextmanager
def _snapshot() -> Iterator[str]:
    """Hold one view of the database, and yield the name by which the dump joins it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        yield str(cursor.fetchone()[0])


def _write(archive: tarfile.TarFile, *, progress: Progress) -> Manifest:
    writer = backup_file.Writer(archive)
    conf.get().incoming.mkdir(parents=True, exist_ok=True)
    # The media may lie on another disk than the rest of the data; a second name is of the same disk as the first.
    with tempfile.TemporaryDirectory(dir=conf.get().incoming.parent, prefix="backup-") as held:
        with _snapshot() as snapshot:
            progress("database", 0, 1)
            with tempfile.NamedTemporaryFile() as dump:
                left_out = [f"--exclude-table-data={name}" for name in EMPTIED]
                said = ("--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={dump.name}")
                _run("pg_dump", *said, *left_out)
                writer.add(DUMP, Path(dump.name))
            members, images = [*_archives(Path(held)), *_files()], Image.objects.count()
        for number, member in enumerate(members):
            progress("files", number, len(members))
            writer.add(member.name, member.path, sha256=member.sha256)
    progress("files", len(members), len(members))
    return writer.finish(created_at=timezone.now().isoformat(), images=images)


def _archives(held: Path) -> Iterator[Member]:
    """The archives that wait to be taken apart, held by a second name: their worker removes the first when it is done.

    One that is gone was finished since the snapshot; the restore then says on its row that it cannot be gone on with.
    """
    for name in ArchiveImport.objects.filter(state__in=GOING).exclude(file="").values_list("file", flat=True):
        with suppress(FileNotFoundError):
            os.link(conf.get().incoming / name, held / name)
            yield Member(f"incoming/{name}", held / name, None)


def _files() -> Iterator[Member]:
    """The files that the rows of the snapshot need: weights, originals, thumbnails."""
    weights = Encoder.objects.exclude(weights_name="").values_list("weights_name", "weights_sha256").distinct()
    for name, sha256 in weights:
        yield Member(f"weights/{name}", live_encoders.weights_path(name), sha256)
    seen: set[str] = set()
    rows = Image.objects.order_by("pk").values_list("pk", "sha256", "thumbnail_digests")
    for pk, sha256, digests in rows.iterator():
        if sha256 not in seen:
            seen.add(sha256)
            yield Member(f"originals/{sha256}", files.original(sha256), sha256)
        for size in conf.get().thumbnail_sizes:
            path = files.thumbnail(pk, sha256, size=size)
            yield Member(f"thumbnails/{path.parent.name}/{path.name}", path, (digests or {}).get(str(size)))


def _require_places(checked: Checked) -> None:
    """Raise unless every file has a place and all have room, and PostgreSQL can read the dump."""
    with tempfile.NamedTemporaryFile() as dump:
        for name, content, _ in checked.members():
            if name == DUMP:
                shutil.copyfileobj(content, dump)
                dump.flush()
                _run("pg_restore", "--list", dump.name)
            else:
                _target(name)
    if shutil.disk_usage(conf.get().data_dir).free < checked.manifest.bytes:
        raise StorageFull(f"The files of the backup need {checked.manifest.bytes >> 20} MB; the disk has no room.")


def _fill(checked: Checked, *, mark: Path) -> None:
    """Load the dump. Without it nothing was begun, so the mark goes again."""
    mark.write_text(checked.manifest.sums)
    try:
        with tempfile.NamedTemporaryFile() as dump:
            _, content, _ = next(checked.members())
            shutil.copyfileobj(content, dump)
            dump.flush()
            _load(Path(dump.name))
    except (Unavailable, DatabaseError, OSError):
        mark.unlink()
        raise


def _place_all(checked: Checked, *, progress: Progress) -> None:
    """Put the files in their places, some at a time; one that is there already is put there again."""
    waiting: dict[Path, bytes] = {}
    for done, (name, content, sha256) in enumerate(checked.members()):
        if name == DUMP:
            continue
        data = content.read()
        if fingerprint.sha256(data) != sha256:
            raise InvalidInput.of("file", f"{name} was altered while it was read.")
        waiting[_target(name)] = data
        if len(waiting) >= PLACED_AT_ONCE:
            _place(waiting)
            waiting = {}
        progress("files", done, checked.manifest.files)
    _place(waiting)


def _place(contents: dict[Path, bytes]) -> None:
    with files.staged(contents) as staged:
        files.place(staged)


def _target(name: str) -> Path:
    """Find the place of a file. Raises InvalidInput for a name that leads anywhere else."""
    settings = conf.get()
    folder, _, rest = name.partition("/")
    roots = {"thumbnails": settings.thumbnails, "weights": settings.weights_dir, "incoming": settings.incoming}
    path = Path(rest)
    strange = ".." in path.parts or path.is_absolute() or len(path.parts) != (2 if folder == "thumbnails" else 1)
    if folder not in {"originals", *roots} or strange or (folder == "originals" and not files.is_original(path)):
        raise InvalidInput.of("file", f"{name} does not belong into a backup.")
    return files.original(rest) if folder == "originals" else roots[folder] / rest


def _load(dump: Path) -> None:
    """Replace all tables by the dumped ones, in one transaction.

    The extension stays as it is: it belongs to the database's operator, and only a superuser could make it anew.
    """
    database = str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.close()
    contents = _run("pg_restore", "--list", str(dump)).splitlines(keepends=True)
    with tempfile.NamedTemporaryFile("w") as wanted:
        wanted.writelines(line for line in contents if not OF_THE_OPERATOR.match(line))
        wanted.flush()
        _run(
            "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error",
            f"--use-list={wanted.name}", f"--dbname={database}", str(dump),
        )  # fmt: skip


def _run(tool: str, *arguments: str) -> str:
    """Run one of PostgreSQL's own programs on this database, reached as we reach it, and return what it writes.

    Passwords and the like go by the environment, unseen by others.
    """
    names = {option.keyword.decode(): option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    said = {names[key]: str(value) for key, value in connection.get_connection_params().items() if key in names}
    program = conf.get().postgres_tools / tool
    ended = subprocess.run(
        [program, *arguments], env={**os.environ, **said}, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise Unavailable(f"{tool} failed: {ended.stderr.strip().splitlines()[-1:] or 'it did not say why'}")
    return ended.stdout
