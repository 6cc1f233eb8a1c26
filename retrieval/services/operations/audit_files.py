"""The audit of files: originals, thumbnails and weights are there and unchanged, and every file has its row."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from django.db import transaction

from retrieval import conf, weight_files
from retrieval.errors import WeightsError
from retrieval.ingest import files, fingerprint, store
from retrieval.models import Encoder, Image
from retrieval.progress import Progress, silent
from retrieval.services.images import leftovers, thumbnails
from retrieval.services.operations import long_work
from retrieval.services.operations.findings import Finding

# Files are in place before their rows are committed, and stay a moment longer than them.
GRACE = 3_600
BATCH = 500
THUMBNAIL_CODES = frozenset({"thumbnail_missing", "thumbnail_changed"})
STRAY_CODES = frozenset({"stray_original", "stray_thumbnail", "stray_weights", "old_temporary_file"})


def contents(*, progress: Progress = silent) -> Iterator[Finding]:
    """Read every original and thumbnail of a living picture and compare their SHA-256; look at weights."""
    yield from _weights()
    checked: set[str] = set()
    rows = Image.objects.alive().order_by("pk").only("pk", "sha256", "page", "bytes", "thumbnail_digests")
    total = rows.count()
    for number, image in enumerate(rows.iterator(chunk_size=BATCH), start=1):
        progress("pictures", min(number, total), total)
        if image.sha256 not in checked:
            checked.add(image.sha256)
            yield from _original(image)
        for size in conf.get().thumbnail_sizes:
            yield from _thumbnail(image, size)


def mend_sizes() -> int:
    """Write the real size of each original on its rows; return on how many it was wrong. Counters come afterwards."""
    wrong = 0
    for pk, sha256, size in (
        Image.objects.filter(page=1).values_list("pk", "sha256", "bytes").iterator(chunk_size=BATCH)
    ):
        path = files.original(sha256)
        if path.is_file() and path.stat().st_size != size:
            wrong += Image.objects.filter(pk=pk).update(bytes=path.stat().st_size)
    return wrong


def _weights() -> Iterator[Finding]:
    for encoder in Encoder.objects.exclude(weights_name=""):
        try:
            weight_files.require(encoder.weights_name, sha256=encoder.weights_sha256)
        except WeightsError as error:
            yield Finding("weights_wrong", encoder.name, error.message)


def _original(image: Image) -> Iterator[Finding]:
    path = files.original(image.sha256)
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != image.sha256:
                yield Finding("original_changed", str(image.pk), "The original is not the file that was put in.")
            elif path.stat().st_size != image.bytes and image.page == 1:
                yield Finding("size_wrong", str(image.pk), "The original has another size than its row says.")
    except FileNotFoundError:
        yield Finding("original_missing", str(image.pk), "The original is missing.")


def _thumbnail(image: Image, size: int) -> Iterator[Finding]:
    """Its digest must be the one kept; where none is kept it must at least be a whole JPEG."""
    try:
        data = files.thumbnail(image.pk, image.sha256, size=size).read_bytes()
    except FileNotFoundError:
        yield Finding("thumbnail_missing", str(image.pk), f"The thumbnail of {size} pixels is missing.")
        return
    known = (image.thumbnail_digests or {}).get(str(size))
    right = fingerprint.sha256(data) == known if known else thumbnails.is_whole_jpeg(data)
    if not right:
        text = f"The thumbnail of {size} pixels is not the one that was made of the picture."
        yield Finding("thumbnail_changed", str(image.pk), text)


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
    for folder in long_work.strays():
        yield from (_stray("stray_weights", path, of="long job") for path in _old_files(folder))


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
