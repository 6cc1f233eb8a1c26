"""The audit: what must be true of rows, files, indexes and counters when nothing was lost; and safe repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval.models import (
    EmbeddingJob,
    Encoder,
    EncoderState,
    Image,
    JobEvent,
    JobEventKind,
    JobState,
    UserUsage,
)
from retrieval.progress import Progress, silent
from retrieval.search import integrity
from retrieval.services.encoders import indexes
from retrieval.services.encoders.indexes import IndexState
from retrieval.services.images import image_counts, purging, thumbnails
from retrieval.services.operations import (
    audit_files,
    audit_references,
    audit_rows,
    audit_smoothed,
    audit_vectors,
    clocks,
)
from retrieval.services.operations.findings import SHOWN, Finding

KNOWN_GOOD_EXTENSION = (0, 8, 0)
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
        Check(2, "originals, thumbnails and weights are unchanged", partial(audit_files.contents, progress=progress)),
        Check(3, "one sound vector per picture and active encoder, and the right one", audit_vectors.vectors),
        Check(4, "no file without its row, no old temporary file", audit_files.strays),
        Check(5, "indexes are valid and nothing was committed twice", _indexes_and_events),
        Check(6, "counters equal what they count", _counters),
        Check(7, "rows name what is there, and nothing waits in vain", _rows),
    ]


def repair(findings: list[Finding]) -> list[str]:
    """Do what is safe about the findings and return one sentence for each thing done.

    Safe is what can be made again from what is right: vectors, thumbnails, digests, counters, indexes, places and
    times, and to take away files that no row needs. Lost originals are never papered over.
    """
    codes = {finding.code for finding in findings}
    done = [said for wanted, mend in MENDERS if codes & wanted for said in [mend()]]
    small = [UUID(finding.subject) for finding in findings if finding.code in audit_files.THUMBNAIL_CODES]
    if small:
        done.append(f"Made the thumbnails of {thumbnails.make_again(small)} pictures again.")
    strays = [finding.subject for finding in findings if finding.code in audit_files.STRAY_CODES]
    if strays:
        done.append(f"Removed {audit_files.remove_strays(strays)} stray files.")
    return done


def _rows() -> Iterator[Finding]:
    yield from audit_references.references()
    yield from audit_rows.digests()
    yield from audit_rows.times()
    yield from audit_rows.archives()


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
    for image in audit_vectors.lacking(encoder).filter(~Exists(explained))[:SHOWN]:
        yield Finding("no_work", str(image.pk), "The picture has no vector, and nothing is being done about it.")


def _indexes_and_events() -> Iterator[Finding]:
    for report in indexes.overview():
        if report.state == IndexState.MISSING and report.encoder.state in WANTED:
            text = "Searches are exact, and slower, until the index is built."
            yield Finding("index_missing", report.encoder.name, text)
    for name in indexes.half_built():
        yield Finding("index_invalid", name, "The index is half built; nothing uses it until it is built again.")
    version = integrity.extension_version() or (0,)
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


def _counters() -> Iterator[Finding]:
    real = {
        row["uploader_id"]: (row["n"], row["size"])
        for row in Image.objects.order_by().values("uploader_id").annotate(n=Count("*"), size=Sum("bytes"))
    }
    said = {usage.user_id: (usage.images, usage.bytes) for usage in UserUsage.objects.all()}
    for user_id in real.keys() | said.keys():
        if real.get(user_id, (0, 0)) != said.get(user_id, (0, 0)):
            yield Finding("usage_wrong", str(user_id), "What the person is said to use is not what is there.")
    for collection_id in integrity.miscounted():
        yield Finding("count_wrong", str(collection_id), "The number of vectors of a collection is counted wrongly.")
    for collection_id in image_counts.miscounted():
        yield Finding("count_wrong", str(collection_id), "The pictures of a collection are counted wrongly.")


def _recount() -> None:
    """Set every counter to what it counts; runs while others write, so each is one statement."""
    integrity.recount()
    image_counts.recount()
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO retrieval_userusage (user_id, images, bytes)
               SELECT uploader_id, 0, 0 FROM retrieval_image GROUP BY 1 ON CONFLICT (user_id) DO NOTHING"""
        )
    theirs = Image.objects.filter(uploader_id=OuterRef("user_id")).order_by().values("uploader_id")
    UserUsage.objects.update(
        images=Coalesce(theirs.annotate(n=Count("*")).values("n")[:1], 0),
        bytes=Coalesce(theirs.annotate(n=Sum("bytes")).values("n")[:1], 0),
    )


def _recounted() -> str:
    audit_files.mend_sizes()
    _recount()
    return "Counted again what people and collections hold."


def _indexed() -> str:
    indexes.mend()
    return "Built the missing indexes."


def _digests_made() -> str:
    audit_rows.mend_digests()
    return "Wrote down again by which bytes pictures are known."


# In this order: what is put right first is a condition for what comes after it.
MENDERS: tuple[tuple[frozenset[str], Callable[[], str]], ...] = (
    (audit_rows.AHEAD_CODES, lambda: f"Set {clocks.set_right()} rows back to now that waited for a far time."),
    (frozenset({"purge_overdue"}), lambda: f"Removed {purging.purge_deleted()} deleted pictures for good."),
    (frozenset({"archive_missing"}), lambda: f"Ended {audit_rows.end_lost_archives()} imports without their archive."),
    (audit_rows.DIGEST_CODES, _digests_made),
    (audit_vectors.MISPLACED_CODES, lambda: f"Put {audit_vectors.put_in_place()} vectors where their pictures are."),
    (audit_vectors.WRONG_CODES, lambda: f"Asked for {audit_vectors.ask_for_wrong()} vectors anew that were wrong."),
    (audit_smoothed.CODES, lambda: f"Had {audit_smoothed.ask_again()} vectors smoothed anew."),
    (frozenset({"no_work", "vector_missing"}), lambda: f"Asked for {audit_vectors.ask_for_missing()} vectors."),
    (frozenset({"usage_wrong", "count_wrong", "size_wrong"}), _recounted),
    (frozenset({"index_missing", "index_invalid"}), _indexed),
)
