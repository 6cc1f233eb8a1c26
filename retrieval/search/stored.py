"""The one door to stored vectors: put, placed, read, counted, removed; nothing outside this room names their table."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection as Several
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Avg, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import MD5, Cast
from django.utils import timezone
from pgvector import HalfVector

from retrieval.models import Collection, Embedding, EmbeddingDigest, Encoder, Image, RegionEmbedding
from retrieval.search import sent, smoothing
from retrieval.search.vectors import Floats, QueryVector, Vector, raw

READ_AT_ONCE = 1_000
AVERAGED = 20_000


class Sampled(NamedTuple):
    """One picture's raw vector (D,), with what labels the picture."""

    image_id: UUID
    sha256: str
    tags: list[str]
    group_key: str
    raw: Floats


def put(encoder: Encoder, found: Mapping[UUID, Vector], *, places: Mapping[UUID, UUID | None]) -> None:
    """Store pictures' vectors, or new ones in the place of old ones, each with its digest; both or neither are there.

    ``places`` tells each picture's collection, None while it is deleted.
    """
    rows = [_row(encoder, image_id, vector, places[image_id]) for image_id, vector in found.items()]
    digests = [EmbeddingDigest(image_id=row.image_id, encoder_id=row.encoder_id, sha256=digest(row)) for row in rows]
    with transaction.atomic():
        Embedding.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["image", "encoder"],
            update_fields=["collection", "vector", "length", "centred_length", "created_at"],
        )
        EmbeddingDigest.objects.bulk_create(
            digests, update_conflicts=True, unique_fields=["image", "encoder"], update_fields=["sha256"]
        )


def put_regions(encoder: Encoder, image_id: UUID, found: Sequence[Vector]) -> None:
    """Store the vectors of a picture's regions, those of before gone; the first is the whole one's."""
    rows = [
        RegionEmbedding(
            image_id=image_id, encoder_id=encoder.pk, place=place,
            vector=each.unit, length=each.length, centred_length=each.centred_length,
        )
        for place, each in enumerate(found)
    ]  # fmt: skip
    with transaction.atomic():
        RegionEmbedding.objects.filter(image=image_id, encoder=encoder).delete()
        RegionEmbedding.objects.bulk_create(rows)


def lacks_regions(encoder: Encoder) -> Q:
    """Return the condition on pictures that they have a vector by this encoder, and none of their regions."""
    made = RegionEmbedding.objects.filter(encoder=encoder, image_id=OuterRef("pk"), place=0)
    return Q(has_vector(encoder)) & ~Q(Exists(made))


def one(encoder: Encoder, image_id: UUID) -> Vector | None:
    """Read a picture's own row as it is stored; None where there is none."""
    row = Embedding.objects.filter(encoder=encoder, image=image_id).first()
    return None if row is None else Vector(np.array(row.vector, np.float32), row.length, row.centred_length)


def digest(row: Embedding) -> bytes:
    """SHA-256 (32 bytes) of both ids, the vector in half precision and both lengths, as PostgreSQL sends them.

    The ids are part of it, so that a vector that was copied from another picture's row, digest and all, is noticed.
    """
    vector = row.vector if isinstance(row.vector, HalfVector) else HalfVector(row.vector)
    lengths = struct.pack(">dd", row.length, row.centred_length)
    return hashlib.sha256(row.image_id.bytes + row.encoder_id.bytes + vector.to_binary() + lengths).digest()


def place(image_id: UUID, collection_id: UUID | None) -> None:
    """Let the picture's vectors be found in this collection, or None: nowhere, as while the picture is deleted.

    What smoothed them elsewhere is taken from them.
    """
    Embedding.objects.filter(image=image_id).update(collection=collection_id)
    if collection_id is not None:
        smoothing.unsmooth(collection_id, image_ids=[image_id])


def place_all(images: QuerySet[Image], collection_id: UUID | None) -> None:
    """Do what ``place`` does for all these pictures."""
    Embedding.objects.filter(image__in=images.values("pk")).update(collection=collection_id)
    if collection_id is not None:
        smoothing.unsmooth(collection_id)


def hide_collection(collection_id: UUID) -> None:
    """Let no search find a vector of this collection any more."""
    Embedding.objects.filter(collection=collection_id).update(collection=None)


def remove(encoder_id: UUID, image_ids: Several[UUID]) -> None:
    """Take away what the encoder gave for these pictures."""
    Embedding.objects.filter(encoder=encoder_id, image_id__in=image_ids).delete()
    RegionEmbedding.objects.filter(encoder=encoder_id, image_id__in=image_ids).delete()


def has_vector(encoder: Encoder | None) -> Exists:
    """Return the condition on pictures that they have a vector by this encoder; None has made none."""
    return Exists(Embedding.objects.filter(encoder=encoder, image_id=OuterRef("pk")))


def count(
    encoder: Encoder | None = None, *, within: QuerySet[Collection] | None = None, since: datetime | None = None
) -> int:
    """Count the rows that a search may find, by one encoder or all, in these collections, stored since then.

    It is a count of rows: ``counts`` tells the same of whole encoders and collections at once.
    """
    wanted = {"encoder": encoder, "collection__in": within, "created_at__gte": since}
    given = {name: value for name, value in wanted.items() if value is not None}
    return Embedding.objects.filter(collection__isnull=False, **given).count()


def ready_since(encoder: Encoder, since: datetime, *, most: int) -> list[UUID]:
    """Return the pictures, the latest first, whose vectors that a search may find were stored since then."""
    rows = Embedding.objects.filter(encoder=encoder, collection__isnull=False, created_at__gte=since)
    return list(rows.order_by("-created_at").values_list("image_id", flat=True)[:most])


def queries(encoder: Encoder, image_ids: Several[UUID]) -> dict[UUID, QueryVector]:
    """Read the vectors of those pictures that have one, as they are searched with."""
    rows = Embedding.objects.filter(encoder=encoder, image_id__in=image_ids)
    return {image_id: _query(unit, length) for image_id, unit, length in rows.values_list(*_STORED)}


def units(encoder: Encoder, image_ids: Several[UUID]) -> dict[UUID, Floats]:
    """Read the unit vectors (D,) of those pictures that have one, of many at once."""
    rows = list(Embedding.objects.filter(encoder=encoder, image_id__in=image_ids).values_list("image_id", sent.VECTOR))
    return dict(zip([pk for pk, _ in rows], sent.numbers([data for _, data in rows]), strict=True))


def some_queries(encoder: Encoder, *, most: int) -> list[QueryVector]:
    """Read vectors that a search may find, drawn at random."""
    rows = Embedding.objects.filter(encoder=encoder, collection__isnull=False).order_by("?")
    return [_query(unit, length) for unit, length in rows.values_list("vector", "length")[:most]]


def read(encoder: Encoder, image_ids: Several[UUID]) -> tuple[list[UUID], Floats]:
    """Read the raw vectors (n, D) of those pictures that have one, and which pictures these are."""
    rows = list(Embedding.objects.filter(encoder=encoder, image_id__in=image_ids).values_list(*_STORED))
    if not rows:
        return [], np.empty((0, encoder.dimension), np.float32)
    ids, units, lengths = zip(*rows, strict=True)
    return list(ids), raw(units, lengths)


def sample(encoder: Encoder, *, images: QuerySet[Image], most: int, whole_groups: bool = False) -> Iterator[Sampled]:
    """Read raw vectors of some of these pictures, in an order that only their ids decide; or first their group keys."""
    by_id = MD5(Cast("image_id", TextField()))
    order = (MD5("image__group_key"), by_id) if whole_groups else (by_id,)
    fields = ("image_id", "image__sha256", "image__tags", "image__group_key", "vector", "length")
    rows = Embedding.objects.filter(encoder=encoder, image__in=images).order_by(*order).values_list(*fields)[:most]
    for image_id, sha256, tags, group_key, unit, length in rows.iterator(READ_AT_ONCE):
        yield Sampled(image_id, sha256, tags, group_key, raw([unit], [length])[0])


def drawn(encoder: Encoder, *, within: Several[UUID], most: int) -> dict[UUID, Floats]:
    """Read unit vectors (D,) that a search may find in these collections, at most so many, drawn by pictures' ids."""
    there = Embedding.objects.filter(encoder=encoder, collection__in=within)
    rows = there.order_by(MD5(Cast("image_id", TextField()))).values_list("image_id", "vector")[:most]
    return {image_id: np.array(unit, np.float32) for image_id, unit in rows}


def mean(encoder: Encoder) -> list[float] | None:
    """Return the mean of at most 20,000 unit vectors, drawn by their pictures' ids; None when there is none."""
    drawn = Embedding.objects.filter(encoder=encoder).order_by(MD5(Cast("image_id", TextField()))).values("vector")
    found: list[float] | None = drawn[:AVERAGED].aggregate(mean=Avg("vector"))["mean"]
    return found


_STORED = ("image_id", "vector", "length")


def _query(unit: Sequence[float], length: float) -> QueryVector:
    return QueryVector.of(np.array(unit, dtype=np.float32), length=length)


def _row(encoder: Encoder, image_id: UUID, vector: Vector, collection_id: UUID | None) -> Embedding:
    return Embedding(
        image_id=image_id,
        encoder_id=encoder.pk,
        collection_id=collection_id,
        vector=vector.unit,
        length=vector.length,
        centred_length=vector.centred_length,
        created_at=timezone.now(),
    )
