"""Whether stored vectors and their counters are what they must be, asked in SQL; and what can be put right there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, OuterRef

from retrieval.models import Embedding, EmbeddingCount, EmbeddingJob, JobState

# The same as ``stored.digest``, computed by PostgreSQL over the row ``e`` of retrieval_embedding, so that a million
# vectors are checked without leaving it.
DIGEST = (
    "sha256(uuid_send(e.image_id) || uuid_send(e.encoder_id) || halfvec_send(e.vector)"
    " || float8send(e.length) || float8send(e.centred_length))"
)
# Where the search must look for a vector: in its picture's collection, or nowhere while the picture is deleted.
PLACE = "CASE WHEN i.deleted_at IS NULL THEN i.collection_id END"
# Half precision keeps a unit vector's length within 1 %. NaN is greater than every number to PostgreSQL.
UNSOUND = """SELECT e.image_id, e.encoder_id FROM retrieval_embedding e
    JOIN retrieval_encoder c ON c.id = e.encoder_id
    WHERE vector_dims(e.vector) <> c.dimension OR NOT l2_norm(e.vector) BETWEEN 0.99 AND 1.01
       OR NOT (e.length >= 0 AND e.length < 'Infinity') OR NOT e.centred_length BETWEEN 0 AND 1.01 LIMIT %s"""
CHANGED = f"""SELECT e.image_id, e.encoder_id, d.sha256 IS NULL FROM retrieval_embedding e
    LEFT JOIN retrieval_embeddingdigest d ON d.image_id = e.image_id AND d.encoder_id = e.encoder_id
    WHERE d.sha256 IS DISTINCT FROM {DIGEST} LIMIT %s"""
MISPLACED = f"""SELECT e.image_id, i.deleted_at IS NOT NULL, e.collection_id IS NULL FROM retrieval_embedding e
    JOIN retrieval_image i ON i.id = e.image_id
    WHERE e.collection_id IS DISTINCT FROM {PLACE} LIMIT %s"""
PUT_IN_PLACE = f"""UPDATE retrieval_embedding e SET collection_id = {PLACE} FROM retrieval_image i
    WHERE i.id = e.image_id AND e.collection_id IS DISTINCT FROM {PLACE}"""
RECOUNT = """INSERT INTO retrieval_embeddingcount AS counted (collection_id, encoder_id, images, changes)
    SELECT c.collection_id, c.encoder_id, coalesce(e.n, 0), 1 FROM (
        SELECT collection_id, encoder_id FROM retrieval_embeddingcount UNION
        SELECT collection_id, encoder_id FROM retrieval_embedding WHERE collection_id IS NOT NULL) c
    LEFT JOIN (SELECT collection_id, encoder_id, count(*) AS n FROM retrieval_embedding GROUP BY 1, 2) e
        ON e.collection_id = c.collection_id AND e.encoder_id = c.encoder_id
    ON CONFLICT (collection_id, encoder_id) DO UPDATE SET images = EXCLUDED.images, changes = counted.changes + 1"""


class Key(NamedTuple):
    """Which vector."""

    image_id: UUID
    encoder_id: UUID


class Changed(NamedTuple):
    """A vector that is not the one whose digest was kept; ``unknown`` when no digest was."""

    key: Key
    unknown: bool


class Misplaced(NamedTuple):
    """A picture whose vector is not found where the picture is; ``nowhere`` when no search finds it."""

    image_id: UUID
    deleted: bool
    nowhere: bool


def extension_version() -> tuple[int, ...] | None:
    """Return the version of pgvector in the database, or None where it is not installed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    return tuple(int(part) for part in row[0].split(".")) if row else None


def unsound(*, most: int) -> list[Key]:
    """Vectors that are not finite, not of length 1, not as long as the encoder's, or whose own lengths cannot be."""
    return [Key(*row) for row in _rows(UNSOUND, most)]


def changed(*, most: int) -> list[Changed]:
    """Vectors that are not what was put."""
    return [Changed(Key(image, encoder), unknown) for image, encoder, unknown in _rows(CHANGED, most)]


def misplaced(*, most: int) -> list[Misplaced]:
    """Vectors that searches look for in the wrong place."""
    return [Misplaced(*row) for row in _rows(MISPLACED, most)]


def of_failed(*, most: int) -> list[Key]:
    """Vectors that are there although their job failed."""
    failed = EmbeddingJob.objects.filter(
        state=JobState.FAILED, image_id=OuterRef("image_id"), encoder_id=OuterRef("encoder_id")
    )
    rows = Embedding.objects.filter(Exists(failed)).values_list("image_id", "encoder_id")
    return [Key(*row) for row in rows[:most]]


def put_in_place() -> int:
    """Let every vector be found where its picture is; return how many were elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(PUT_IN_PLACE)
        return int(cursor.rowcount)


def miscounted() -> set[UUID]:
    """Return the collections whose counter of vectors, by whichever encoder, is wrong."""
    there = Embedding.objects.filter(collection__isnull=False).values_list("collection_id", "encoder_id")
    real = set(there.annotate(n=Count("*")))
    counted = EmbeddingCount.objects.exclude(images=0).values_list("collection_id", "encoder_id", "images")
    return {collection_id for collection_id, _, _ in real ^ set(counted)}


def recount() -> None:
    """Set every counter to what it counts, in one statement, as others may write meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT)


def _rows(sql: str, most: int) -> Iterable[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [most])
        return list(cursor.fetchall())
