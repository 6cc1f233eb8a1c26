"""The door by which vectors are stored: each with a digest that tells later whether the row is still what was put."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from django.db import transaction
from pgvector import HalfVector

from retrieval.models import Embedding, EmbeddingDigest

# The same as ``digest``, computed by PostgreSQL over the row ``e`` of retrieval_embedding, so that a million vectors
# are checked without leaving it.
DIGEST_SQL = (
    "sha256(uuid_send(e.image_id) || uuid_send(e.encoder_id) || halfvec_send(e.vector)"
    " || float8send(e.length) || float8send(e.centred_length))"
)


def put(rows: Sequence[Embedding]) -> None:
    """Store vectors, or new ones in the place of old ones, each with its digest; both or neither are committed."""
    with transaction.atomic():
        Embedding.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["image", "encoder"],
            update_fields=["collection", "vector", "length", "centred_length", "created_at"],
        )
        EmbeddingDigest.objects.bulk_create(
            [EmbeddingDigest(image_id=row.image_id, encoder_id=row.encoder_id, sha256=digest(row)) for row in rows],
            update_conflicts=True,
            unique_fields=["image", "encoder"],
            update_fields=["sha256"],
        )


def digest(row: Embedding) -> bytes:
    """SHA-256 (32 bytes) of both ids, the vector in half precision and both lengths, as PostgreSQL sends them.

    The ids are part of it, so that a vector that was copied from another picture's row, digest and all, is noticed.
    """
    vector = row.vector if isinstance(row.vector, HalfVector) else HalfVector(row.vector)
    lengths = struct.pack(">dd", row.length, row.centred_length)
    return hashlib.sha256(row.image_id.bytes + row.encoder_id.bytes + vector.to_binary() + lengths).digest()
