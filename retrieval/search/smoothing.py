"""The vectors that smoothing is made of, collection by collection, and which collections wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Exists, F, OuterRef

from retrieval.models import Embedding, EmbeddingCount, Encoder, SmoothedCollection
from retrieval.search import sent
from retrieval.search.integrity import DIGEST
from retrieval.search.moments import Part
from retrieval.search.vectors import Floats

READ_AT_ONCE = 5_000
# A picture that came to another collection stands there as it is until it is smoothed there: nothing of where it was
# may rank it.
UNSMOOTH = f"""WITH away AS (
    DELETE FROM retrieval_neighbours n USING retrieval_embedding e
    WHERE e.image_id = n.image_id AND e.encoder_id = n.encoder_id AND e.collection_id = %(home)s
      AND n.collection_id <> %(home)s AND (%(images)s::uuid[] IS NULL OR n.image_id = ANY(%(images)s))
    RETURNING n.image_id, n.encoder_id
), e AS (
    UPDATE retrieval_embedding m SET vector = s.vector, length = s.length, centred_length = s.centred_length
    FROM away JOIN retrieval_encoder c ON c.id = away.encoder_id
    JOIN retrieval_embedding s ON s.encoder_id = c.smooths_id AND s.image_id = away.image_id
    WHERE m.encoder_id = away.encoder_id AND m.image_id = away.image_id
    RETURNING m.image_id, m.encoder_id, m.vector, m.length, m.centred_length
)
UPDATE retrieval_embeddingdigest d SET sha256 = {DIGEST} FROM e
WHERE d.image_id = e.image_id AND d.encoder_id = e.encoder_id"""


@dataclass(frozen=True)
class Members:
    """All vectors of a collection by one encoder, by the pictures' ids: units (N, D), lengths (N,), when stored."""

    ids: Sequence[UUID]
    units: Floats
    lengths: Floats
    stored_at: Sequence[datetime]


def unsettled(encoder: Encoder) -> list[Part]:
    """Return the collections whose vectors before smoothing changed since those of this encoder were settled.

    ``changes`` is to be kept with what is made from what is read after it. Empty for an encoder that smooths nothing.
    """
    settled = SmoothedCollection.objects.filter(
        encoder=encoder, collection=OuterRef("collection"), changes=OuterRef("changes")
    )
    rows = EmbeddingCount.objects.filter(encoder=encoder.smooths_id).exclude(Exists(settled)).order_by("collection")
    return [Part(*row) for row in rows.values_list(F("encoder"), "collection", "changes")]


def settled(encoder: Encoder) -> list[UUID]:
    """Return the collections whose vectors by this encoder are smoothed, and do not wait for that."""
    counted = EmbeddingCount.objects.filter(
        encoder=encoder.smooths_id, collection=OuterRef("collection"), changes=OuterRef("changes")
    )
    rows = SmoothedCollection.objects.filter(Exists(counted), encoder=encoder).order_by("collection")
    return list(rows.values_list("collection_id", flat=True))


def members(encoder_id: UUID | None, collection_id: UUID) -> Members:
    """Read all vectors of a collection. None has made none."""
    rows = Embedding.objects.filter(encoder=encoder_id, collection=collection_id).order_by("image")
    read = list(rows.values_list("image_id", sent.VECTOR, "length", "created_at").iterator(READ_AT_ONCE))
    return Members(
        [image_id for image_id, *_ in read],
        sent.numbers([data for _, data, _, _ in read]),
        np.array([length for *_, length, _ in read], np.float32),
        [at for *_, at in read],
    )


def unsmooth(collection_id: UUID, *, image_ids: Sequence[UUID] | None = None) -> None:
    """Let the pictures that came to this collection from another, all or some, have their vectors before smoothing."""
    with connection.cursor() as cursor:
        cursor.execute(UNSMOOTH, {"home": collection_id, "images": None if image_ids is None else list(image_ids)})
