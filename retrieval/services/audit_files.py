"""The audit of files: is every original there and unchanged, and does every file have its row."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.db import transaction

from retrieval import conf
from retrieval.ingest import files, store
from retrieval.models import Image
from retrieval.services import compressions, leftovers

# (what is being looked at, how many have been, of how many)
Progress = Callable[[str, int, int], None]

# Files are in place before their rows are committed, and stay a moment longer than them.
GRACE = 3_600
BATCH = 500
STRAY_CODES = frozenset({"stray_original", "stray_thumbnail", "stray_weights", "old_temporary_file"})


@dataclass(frozen=True)
class Finding:
    """Something that ought not to be: a stable code, what it is about, and a sentence."""

    code: str
    subject: str
    message: str


def silent(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


def contents(*, progress: Progress = silent) -> Iterator[Finding]:
    """Read every original of a living picture and compare its SHA-256; look for its thumbnails."""
    checked: set[str] = set()
    rows = Image.objects.alive().order_by("pk").values_list("pk", "sha256")
    total = rows.count()
    for number, (pk, sha256) in enumerate(rows.iterator(chunk_size=BATCH), start=1):
        progress("pictures", min(number, total), total)
        if sha256 not in checked:
            checked.add(sha256)
            yield from _original(pk, sha256)
        for size in conf.get().thumbnail_sizes:
            if not files.thumbnail(pk, sha256, size=size).is_file():
                yield Finding("thumbnail_missing", str(pk), f"The thumbnail of {size} pixels is missing.")


def _original(pk: uuid.UUID, sha256: str) -> Iterator[Finding]:
    try:
        with files.original(sha256).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                yield Finding("original_changed", str(pk), "The original is not the file that was put in.")
    except FileNotFoundError:
        yield Finding("original_missing", str(pk), "The original is missing.")


def strays() -> Iterator[Finding]:
    """List files without rows that are older than the grace time, and temporary files older than an hour."""
    settings = conf.get()
    for batch in _batches(_old_files(settings.originals)):
        known = set(Image.objects.filter(sha256__in=[path.name for path in batch]).values_list("sha256", flat=True))
        yield from (_stray("stray_original", path) for path in batch if path.name not in known)
    for batch in _batches(_old_files(settings.thumbnails)):
        ids = {path: files.image_id(path) for path in batch}
        known_ids = set(Image.objects.filter(pk__in=[pk for pk in ids.values() if pk]).values_list("pk", flat=True))
        yield from (_stray("stray_thumbnail", path) for path, pk in ids.items() if pk not in known_ids)
    yield from (_stray("old_temporary_file", path) for path in leftovers.unclaimed(GRACE))
    for folder in compressions.strays():
        yield from (_stray("stray_weights", path, of="compression") for path in _old_files(folder))


def remove_strays(paths: Iterable[str]) -> int:
    """Remove stray files, looking once more whether they are strays; return how many went.

    Nobody can be about to put the same original in place meanwhile: whoever does holds its digest.
    """
    chosen = {Path(path) for path in paths}
    with transaction.atomic():
        store.lock(path.name for path in chosen if files.is_original(path))
        still = {Path(finding.subject) for finding in strays()} & chosen
        files.remove(still)
    return len(still)


def _stray(code: str, path: Path, *, of: str = "picture") -> Finding:
    return Finding(code, str(path), f"The file belongs to no {of}.")


def _old_files(folder: Path) -> Iterator[Path]:
    oldest = time.time() - GRACE
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            if path.is_file() and path.stat().st_mtime < oldest:
                yield path
        except FileNotFoundError:
            continue  # taken away by somebody else meanwhile, which is what is wanted


def _batches(paths: Iterator[Path]) -> Iterator[tuple[Path, ...]]:
    while batch := tuple(islice(paths, BATCH)):
        yield batch
