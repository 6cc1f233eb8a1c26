"""Pictures with vectors, made straight in the tables, and queries for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from retrieval.models import Collection, Embedding, Encoder, Image
from retrieval.search import indexes, vectors
from retrieval.search.vectors import QueryVector
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory

DIMENSION = 8


def put(
    collection: Collection, raw: NDArray[np.float32], *, encoder: Encoder, each: Sequence[dict[str, Any]] = ()
) -> list[Image]:
    """Put pictures with these raw vectors into a collection; ``each`` gives further fields by picture."""
    owner = collection.owner
    images = [
        ImageFactory.build(collection=collection, uploader=owner, **(each[row] if each else {}))
        for row in range(len(raw))
    ]
    Image.objects.bulk_create(images)
    embed(images, encoder=encoder, raw=raw)
    return images


def thirty() -> tuple[Any, list[Image]]:
    """The owner of a new collection, and its thirty pictures with vectors of eight numbers that mean nothing."""
    collection = CollectionFactory()
    raw = np.random.default_rng(3).normal(0, 1, (30, 8)).astype(np.float32)
    return collection.owner, put(collection, raw, encoder=EncoderFactory(dimension=8))


def embed(images: Sequence[Image], *, encoder: Encoder, raw: NDArray[np.float32]) -> None:
    """Give the pictures these raw vectors."""
    unit = vectors.unit(raw)
    Embedding.objects.bulk_create(
        Embedding(
            image=image,
            encoder=encoder,
            collection_id=image.collection_id,
            vector=unit.vectors[row],
            length=unit.lengths[row],
            centred_length=unit.centred_lengths[row],
        )
        for row, image in enumerate(images)
    )


def asked(raw: NDArray[np.float32]) -> QueryVector:
    """The query of one raw vector."""
    unit = vectors.unit(raw[None])
    return QueryVector.of(unit.vectors[0], length=float(unit.lengths[0]))


def index(encoder: Encoder) -> None:
    """Make the encoder's index inside the test's transaction."""
    statement = indexes.statement(encoder).replace(" CONCURRENTLY", "")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)
        cursor.execute("ANALYZE retrieval_embedding")


def drop_indexes() -> None:
    """Drop what a test built and committed; emptying the tables leaves the indexes."""
    for name in indexes.names():
        indexes.drop_named(name)


def clustered(rows: int, *, seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Positive vectors around a few centres, all different."""
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 3, (6, dimension))
    vectors: NDArray[np.float32] = (
        centres[random.integers(0, 6, rows)] + random.normal(0, 0.5, (rows, dimension))
    ).astype(np.float32)
    return vectors
