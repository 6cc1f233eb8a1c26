"""Many queries at once: the stored vectors read once, a part at a time, and compared with all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from retrieval.models import Collection, Embedding, Encoder
from retrieval.search import sent
from retrieval.search.vectors import Floats

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

READ_AT_ONCE = 5_000


@dataclass(frozen=True)
class Nearest:
    """Among how many ``candidates`` was looked; for each query its nearest, (picture, cosine), nearest first."""

    candidates: int
    hits: list[list[tuple[UUID, float]]]


def nearest_to_each(encoder: Encoder, units: Floats, *, user: Viewer, collections: Sequence[UUID], k: int) -> Nearest:
    """Return the ``k`` nearest by cosine to each of these unit vectors (Q, D): every candidate is compared.

    Of these collections those that the person sees are searched. Memory: of some rows, and their cosines to each query.
    """
    seen = Collection.objects.visible_to(user).filter(pk__in=collections)
    rows = Embedding.objects.filter(encoder=encoder, collection__in=seen).values_list("image_id", sent.VECTOR)
    best: list[list[tuple[UUID, float]]] = [[] for _ in units]
    candidates = 0
    for ids, vectors in _parts(rows.iterator(READ_AT_ONCE)):
        candidates += len(ids)
        scores = units @ vectors.T
        first = np.argpartition(-scores, min(k, len(ids)) - 1, axis=1)[:, :k]
        for query, places in enumerate(first):
            best[query] += [(ids[place], float(scores[query, place])) for place in places]
        best = [sorted(hits, key=_nearer)[:k] for hits in best]
    return Nearest(candidates, best)


def _nearer(hit: tuple[UUID, float]) -> tuple[float, UUID]:
    """Sorts hits nearest first, ties by id."""
    return -hit[1], hit[0]


def _parts(rows: Iterator[tuple[UUID, bytes]]) -> Iterator[tuple[list[UUID], Floats]]:
    """Ids (N) and vectors (N, D), some at a time."""
    while part := list(islice(rows, READ_AT_ONCE)):
        yield [image_id for image_id, _ in part], sent.numbers([data for _, data in part])
