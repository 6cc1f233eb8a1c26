"""The audit of vectors: each is sound, in its picture's place, and still the one that was computed for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from retrieval.models import Embedding, EmbeddingJob, Encoder, Image, JobState
from retrieval.search import stored
from retrieval.services.operations.findings import SHOWN, Finding
from retrieval.work import jobs

# Where the search must look for a vector: in its picture's collection, or nowhere while the picture is deleted.
PLACE = "CASE WHEN i.deleted_at IS NULL THEN i.collection_id END"
# Half precision keeps a unit vector's length within 1 %. NaN is greater than every number to PostgreSQL.
UNSOUND = """SELECT e.image_id, e.encoder_id FROM retrieval_embedding e
    JOIN retrieval_encoder c ON c.id = e.encoder_id
    WHERE vector_dims(e.vector) <> c.dimension OR NOT l2_norm(e.vector) BETWEEN 0.99 AND 1.01
       OR NOT (e.length >= 0 AND e.length < 'Infinity') OR NOT e.centred_length BETWEEN 0 AND 1.01 LIMIT %s"""
CHANGED = f"""SELECT e.image_id, e.encoder_id, d.sha256 IS NULL FROM retrieval_embedding e
    LEFT JOIN retrieval_embeddingdigest d ON d.image_id = e.image_id AND d.encoder_id = e.encoder_id
    WHERE d.sha256 IS DISTINCT FROM {stored.DIGEST_SQL} LIMIT %s"""
MISPLACED = f"""SELECT e.image_id, i.deleted_at IS NOT NULL, e.collection_id IS NULL FROM retrieval_embedding e
    JOIN retrieval_image i ON i.id = e.image_id
    WHERE e.collection_id IS DISTINCT FROM {PLACE} LIMIT %s"""
WRONG_CODES = frozenset({"vector_changed", "vector_digest_missing", "vector_unsound", "vector_of_failed"})
MISPLACED_CODES = frozenset({"vector_visible", "vector_hidden", "vector_misplaced"})


def vectors() -> Iterator[Finding]:
    """Every done job left a vector; every vector is sound, unchanged since it was stored, and in the right place."""
    yield from _of_jobs()
    yield from _unsound()
    for image, encoder, unknown in _rows(CHANGED):
        if unknown:
            yield Finding("vector_digest_missing", _name(image, encoder), "Nothing tells whether the vector is right.")
        else:
            yield Finding("vector_changed", _name(image, encoder), "The vector is not the one that was stored.")
    yield from _misplaced()


def lacking(encoder: Encoder | None) -> QuerySet[Image]:
    """Living pictures without a vector by the encoder."""
    found = Embedding.objects.filter(image_id=OuterRef("pk"), encoder=encoder)
    return Image.objects.alive().filter(~Exists(found))


def ask_for_missing() -> int:
    """Ask for the vectors that pictures lack by the encoders that all need; return how many."""
    return sum(_ask(encoder) for encoder in Encoder.objects.wanted())


def ask_for_wrong() -> int:
    """Take away the vectors that are not right and ask for new ones, ``SHOWN`` of each kind; return how many.

    A wrong vector answers searches wrongly, so its picture rather waits until the new one is there.
    """
    wrong = [row[:2] for sql in (UNSOUND, CHANGED) for row in _rows(sql)] + _of_failed()
    for encoder in Encoder.objects.filter(pk__in={encoder for _, encoder in wrong}):
        images = [image for image, by in wrong if by == encoder.pk]
        Embedding.objects.filter(encoder=encoder, image_id__in=images).delete()
        jobs.ask_again(EmbeddingJob.objects.filter(encoder=encoder, image_id__in=images))
    return len(set(wrong))


def put_in_place() -> int:
    """Let every vector be found where its picture is; return how many were elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE retrieval_embedding e SET collection_id = {PLACE} FROM retrieval_image i
                WHERE i.id = e.image_id AND e.collection_id IS DISTINCT FROM {PLACE}"""
        )
        return int(cursor.rowcount)


def _ask(encoder: Encoder) -> int:
    lost = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE, image__in=lacking(encoder))
    unsaid = EmbeddingJob.objects.filter(Q(error_code="") | Q(error_text=""), encoder=encoder, state=JobState.FAILED)
    return jobs.ask_again(lost) + jobs.ask_again(unsaid) + jobs.add_missing(encoder, limit=1_000_000)


def _of_jobs() -> Iterator[Finding]:
    encoder = Encoder.objects.active()
    done = EmbeddingJob.objects.filter(encoder=encoder, state=JobState.DONE)
    for image in lacking(encoder).filter(pk__in=done.values("image_id"))[:SHOWN]:
        yield Finding("vector_missing", str(image.pk), "The job is done but the vector is not there.")
    for image_id, encoder_id in _of_failed():
        yield Finding("vector_of_failed", _name(image_id, encoder_id), "The job failed, but there is a vector.")


def _of_failed() -> list[tuple[Any, Any]]:
    failed = EmbeddingJob.objects.filter(
        state=JobState.FAILED, image_id=OuterRef("image_id"), encoder_id=OuterRef("encoder_id")
    )
    return list(Embedding.objects.filter(Exists(failed)).values_list("image_id", "encoder_id")[:SHOWN])


def _unsound() -> Iterator[Finding]:
    dimensions = dict(Encoder.objects.values_list("pk", "dimension"))
    for image, encoder in _rows(UNSOUND):
        text = f"The vector is not {dimensions[encoder]} finite numbers of length 1, or its own length is impossible."
        yield Finding("vector_unsound", _name(image, encoder), text)


def _misplaced() -> Iterator[Finding]:
    for image, deleted, nowhere in _rows(MISPLACED):
        if deleted:
            yield Finding("vector_visible", str(image), "The picture is deleted but its vector can still be found.")
        elif nowhere:
            yield Finding("vector_hidden", str(image), "The picture is there but no search can find its vector.")
        else:
            yield Finding("vector_misplaced", str(image), "The vector is found in another collection than its picture.")


def _rows(sql: str) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [SHOWN])
        return list(cursor.fetchall())


def _name(image: Any, encoder: Any) -> str:
    return f"{image} by {encoder}"
