"""The audit: what must be true of rows, files, indexes and counters when nothing was lost; and safe repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval.models import (
    Embedding,
    EmbeddingCount,
    EmbeddingJob,
    Encoder,
    EncoderState,
    Image,
    JobEvent,
    JobEventKind,
    JobState,
    UserUsage,
)
from retrieval.services import audit_files, indexes, jobs
from retrieval.services.audit_files import Finding, Progress, silent
from retrieval.services.indexes import IndexState

KNOWN_GOOD_EXTENSION = (0, 8, 0)
SHOWN = 1_000
WANTED = frozenset({EncoderState.ACTIVE, EncoderState.BUILDING})


@dataclass(frozen=True)
class Check:
    """One part of the audit: its number in the list of invariants, its name, and what it finds."""

    invariant: int
    name: str
    run: Callable[[], Iterator[Finding]]


def checks(*, progress: Progress = silent) -> list[Check]:
    """Return the parts of the audit in order; the caller runs each. ``progress`` hears from the one that takes long."""
    return [
        Check(1, "every picture is ready, failed with a reason, or waiting", _states),
        Check(2, "originals and thumbnails are there and unchanged", partial(audit_files.contents, progress=progress)),
        Check(3, "one sound vector per picture and active encoder", _vectors),
        Check(4, "no file without its row, no old temporary file", audit_files.strays),
        Check(5, "indexes are valid and nothing was committed twice", _indexes_and_events),
        Check(6, "counters equal what they count", _counters),
    ]


def repair(findings: list[Finding]) -> list[str]:
    """Do what is safe about the findings and return one sentence for each thing done.

    Safe is: giving pictures without work a job, taking away files that no row needs, rebuilding counters and indexes.
    Lost originals are never papered over.
    """
    codes = {finding.code for finding in findings}
    done = []
    if codes & {"no_work", "vector_missing"}:
        done.append(f"Asked for {sum(_ask(encoder) for encoder in Encoder.objects.wanted())} vectors.")
    strays = [finding.subject for finding in findings if finding.code in audit_files.STRAY_CODES]
    if strays:
        done.append(f"Removed {audit_files.remove_strays(strays)} stray files.")
    if codes & {"usage_wrong", "count_wrong"}:
        _recount()
        done.append("Counted again what people and collections hold.")
    if codes & {"index_missing", "index_invalid"}:
        indexes.mend()
        done.append("Built the missing indexes.")
    return done


def _ask(encoder: Encoder) -> int:
    lost = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE, image__in=_lacking(encoder))
    return jobs.ask_again(lost) + jobs.add_missing(encoder, limit=1_000_000)


def _lacking(encoder: Encoder | None) -> QuerySet[Image]:
    vectors = Embedding.objects.filter(image_id=OuterRef("pk"), encoder=encoder)
    return Image.objects.alive().filter(~Exists(vectors))


def _states() -> Iterator[Finding]:
    """A living picture without a vector must have failed with a reason, wait for an attempt, or be in live hands."""
    encoder, now = Encoder.objects.active(), timezone.now()
    if encoder is None:
        yield Finding("no_encoder", "", "No encoder is active.")
        return
    explained = EmbeddingJob.objects.filter(encoder=encoder, image_id=OuterRef("pk")).filter(
        Q(state=JobState.FAILED) & ~Q(error_code="") & ~Q(error_text="")
        | Q(state=JobState.PENDING)
        | Q(state=JobState.RUNNING, lease_until__gt=now)
    )
    for image in _lacking(encoder).filter(~Exists(explained))[:SHOWN]:
        yield Finding("no_work", str(image.pk), "The picture has no vector, and nothing is being done about it.")


def _vectors() -> Iterator[Finding]:
    """Every done job left a vector; every vector has its encoder's dimension, a finite length, and a picture."""
    encoder = Encoder.objects.active()
    if encoder is None:
        return
    done = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE)
    for image in _lacking(encoder).filter(pk__in=done.values("image_id"))[:SHOWN]:
        yield Finding("vector_missing", str(image.pk), "The job is done but the vector is not there.")
    for pk in _unsound(encoder):
        yield Finding("vector_unsound", str(pk), f"The vector is not {encoder.dimension} finite numbers of length 1.")
    deleted = Embedding.objects.filter(collection__isnull=False).exclude(image__deleted_at=None)
    for pk in deleted.values_list("image_id", flat=True)[:SHOWN]:
        yield Finding("vector_visible", str(pk), "The picture is deleted but its vector can still be found.")


def _unsound(encoder: Encoder) -> list[Any]:
    """Return the pictures whose vector has a wrong dimension or is no unit vector (half precision: within 1 %)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT image_id FROM retrieval_embedding WHERE encoder_id = %s AND (
                   vector_dims(vector) <> %s OR NOT l2_norm(vector) BETWEEN 0.99 AND 1.01
                   OR length = 'NaN' OR length = 'Infinity' OR centred_length = 'NaN') LIMIT %s""",
            [encoder.pk, encoder.dimension, SHOWN],
        )
        return [row[0] for row in cursor.fetchall()]


def _indexes_and_events() -> Iterator[Finding]:
    for report in indexes.overview():
        if report.state == IndexState.MISSING and report.encoder.state in WANTED:
            text = "Searches are exact, and slower, until the index is built."
            yield Finding("index_missing", report.encoder.name, text)
    for name in indexes.half_built():
        yield Finding("index_invalid", name, "The index is half built; nothing uses it until it is built again.")
    version = _extension_version()
    if version < KNOWN_GOOD_EXTENSION:
        yield Finding("extension_old", ".".join(map(str, version)), "This version of pgvector is not known to be good.")
    twice = (
        JobEvent.objects.filter(kind=JobEventKind.DONE)
        .values("image_id", "encoder_id", "round")
        .annotate(n=Count("*"))
        .filter(n__gt=1)
    )
    for row in twice[:SHOWN]:
        yield Finding("committed_twice", str(row["image_id"]), f"One round was committed {row['n']} times.")


def _extension_version() -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    return tuple(int(part) for part in row[0].split(".")) if row else (0,)


def _counters() -> Iterator[Finding]:
    real = {
        row["uploader_id"]: (row["n"], row["size"])
        for row in Image.objects.alive().order_by().values("uploader_id").annotate(n=Count("*"), size=Sum("bytes"))
    }
    said = {usage.user_id: (usage.images, usage.bytes) for usage in UserUsage.objects.all()}
    for user_id in real.keys() | said.keys():
        if real.get(user_id, (0, 0)) != said.get(user_id, (0, 0)):
            yield Finding("usage_wrong", str(user_id), "What the person is said to use is not what is there.")
    vectors = {
        (row["collection_id"], row["encoder_id"]): row["n"]
        for row in Embedding.objects.filter(collection__isnull=False)
        .values("collection_id", "encoder_id")
        .annotate(n=Count("*"))
    }
    counted = {(row.collection_id, row.encoder_id): row.images for row in EmbeddingCount.objects.exclude(images=0)}
    for key in vectors.keys() ^ counted.keys() | {key for key in vectors if vectors[key] != counted.get(key)}:
        yield Finding("count_wrong", str(key[0]), "The number of vectors of a collection is counted wrongly.")


def _recount() -> None:
    """Set every counter to what it counts; runs while others write, so each is one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO retrieval_embeddingcount (collection_id, encoder_id, images)
               SELECT c.collection_id, c.encoder_id, coalesce(e.n, 0) FROM (
                   SELECT collection_id, encoder_id FROM retrieval_embeddingcount UNION
                   SELECT collection_id, encoder_id FROM retrieval_embedding WHERE collection_id IS NOT NULL) c
               LEFT JOIN (SELECT collection_id, encoder_id, count(*) AS n FROM retrieval_embedding GROUP BY 1, 2) e
                   ON e.collection_id = c.collection_id AND e.encoder_id = c.encoder_id
               ON CONFLICT (collection_id, encoder_id) DO UPDATE SET images = EXCLUDED.images"""
        )
    alive = Image.objects.alive().filter(uploader_id=OuterRef("user_id")).order_by().values("uploader_id")
    UserUsage.objects.update(
        images=Coalesce(alive.annotate(n=Count("*")).values("n")[:1], 0),
        bytes=Coalesce(alive.annotate(n=Sum("bytes")).values("n")[:1], 0),
    )
