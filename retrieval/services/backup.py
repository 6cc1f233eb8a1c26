"""A backup in one file while the system works, and a restore into an empty system; both check every byte."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from psycopg.pq import Conninfo

from retrieval import conf, encoders
from retrieval.errors import Conflict, InvalidInput, Unavailable
from retrieval.ingest import files
from retrieval.models import Collection, Encoder, Image
from retrieval.services import purging

MANIFEST, DUMP = "manifest.json", "database.dump"
FORMAT = 1
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

# (what is being done, how many are done, of how many)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: its format, when it was made, how many pictures and files it holds."""

    format: int
    created_at: str
    images: int
    files: int


def backup(target: Path, *, progress: Progress) -> Manifest:
    """Write everything into one tar file, as it was at one moment, while uploads and searches go on.

    The rows are those of one snapshot; the files they name never change, and the purge waits until the end. The file
    has its name only when it is complete and on the disk, and is for its owner alone (mode 0600). Raises InvalidInput
    when it exists or cannot be written, Unavailable when the database cannot be dumped.
    """
    if target.exists():
        raise InvalidInput.of("file", f"{target} exists already; nothing is overwritten.")
    if not target.parent.is_dir():
        raise InvalidInput.of("file", f"There is no folder {target.parent}.")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with purging.paused(), _private(partial) as file, tarfile.open(fileobj=file, mode="w") as archive:
            manifest = _write(archive, progress=progress)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise InvalidInput.of("file", f"The backup cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _private(path: Path) -> IO[bytes]:
    """A new file to write into, which nobody else may read: it will hold all pictures, and digests of passwords."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def restore(source: Path, *, progress: Progress) -> Manifest:
    """Fill an empty system from a backup: the files, each original checked by its SHA-256, then the database.

    The schema comes along and is brought up to date. Raises Conflict when there are pictures or collections already,
    InvalidInput when the file is no whole backup, Unavailable when the database refuses it; its rows stay as they were.
    """
    if _has_tables() and (Collection.objects.exists() or Image.objects.exists()):
        raise Conflict("This system holds pictures or collections; restore into an empty one.", code="not_empty")
    try:
        with tarfile.open(source) as archive, tempfile.NamedTemporaryFile() as dump:
            manifest = _manifest(archive)
            _read(archive, manifest, dump=dump, progress=progress)
            progress("database", 0, 1)
            _load(Path(dump.name))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InvalidInput.of("file", f"{source} cannot be read as a backup: {error}") from error
    call_command("migrate", verbosity=0)
    progress("database", 1, 1)
    return manifest


def _has_tables() -> bool:
    """Before the first start there are none; the backup brings them along."""
    return Collection._meta.db_table in connection.introspection.table_names()


@contextmanager
def _snapshot() -> Iterator[str]:
    """Hold one view of the database, and yield the name by which the dump joins it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        yield str(cursor.fetchone()[0])


def _write(archive: tarfile.TarFile, *, progress: Progress) -> Manifest:
    with _snapshot() as snapshot:
        progress("database", 0, 1)
        with tempfile.NamedTemporaryFile() as dump:
            left_out = [f"--exclude-table-data={name}" for name in EMPTIED]
            _run("pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={dump.name}", *left_out)
            archive.add(dump.name, DUMP)
        paths, images = list(_files()), Image.objects.count()
    for number, (name, path) in enumerate(paths):
        progress("files", number, len(paths))
        archive.add(path, name)
    progress("files", len(paths), len(paths))
    manifest = Manifest(FORMAT, timezone.now().isoformat(), images, len(paths))
    text = json.dumps(asdict(manifest)).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text))
    return manifest


def _files() -> Iterator[tuple[str, Path]]:
    """Name the files that the rows of the snapshot need: weights, originals, thumbnails."""
    for weights in Encoder.objects.exclude(weights_name="").values_list("weights_name", flat=True).distinct():
        yield f"weights/{weights}", encoders.weights_path(weights)
    seen: set[str] = set()
    for pk, sha256 in Image.objects.order_by("pk").values_list("pk", "sha256").iterator():
        if sha256 not in seen:
            seen.add(sha256)
            yield f"originals/{sha256}", files.original(sha256)
        for size in conf.get().thumbnail_sizes:
            path = files.thumbnail(pk, sha256, size=size)
            yield f"thumbnails/{path.parent.name}/{path.name}", path


def _manifest(archive: tarfile.TarFile) -> Manifest:
    if MANIFEST not in archive.getnames():
        raise InvalidInput.of("file", "This is no whole backup: it does not say what it holds.")
    said = json.loads(_opened(archive, archive.getmember(MANIFEST)).read())
    if said.get("format") != FORMAT or said.keys() != {field.name for field in fields(Manifest)}:
        raise InvalidInput.of("file", "The backup has a format that this version does not know.")
    return Manifest(**said)


def _read(archive: tarfile.TarFile, manifest: Manifest, *, dump: IO[bytes], progress: Progress) -> None:
    """Put the files in their places and the dump into ``dump``; everything the manifest counts must be there."""
    done, dumped = 0, False
    for entry in archive:
        if entry.name == MANIFEST:
            continue
        content = _opened(archive, entry).read()
        if entry.name == DUMP:
            dump.write(content)
            dump.flush()
            dumped = True
            continue
        _place(entry.name, content)
        done += 1
        progress("files", done, manifest.files)
    if not dumped or done != manifest.files:
        raise InvalidInput.of("file", f"The backup should hold a database and {manifest.files} files, not {done}.")


def _opened(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(entry) if entry.isfile() else None
    if content is None:
        raise InvalidInput.of("file", f"{entry.name} does not belong into a backup.")
    return content


def _place(name: str, data: bytes) -> None:
    folder, _, rest = name.partition("/")
    target = _target(folder, rest)
    if folder == "originals" and hashlib.sha256(data).hexdigest() != rest:
        raise InvalidInput.of("file", f"The original {rest} is damaged in the backup.")
    with files.staged({target: data}) as staged:
        files.place(staged)


def _target(folder: str, name: str) -> Path:
    """Find the place of a file. Raises InvalidInput for a name that leads anywhere else."""
    settings = conf.get()
    roots = {"thumbnails": settings.thumbnails, "weights": settings.weights_dir}
    if folder not in {"originals", *roots} or ".." in Path(name).parts or Path(name).is_absolute():
        raise InvalidInput.of("file", f"{folder}/{name} does not belong into a backup.")
    return files.original(name) if folder == "originals" else roots[folder] / name


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
