"""What the vectors of collections are like as a whole: how many, their sum, and the sum of their outer products.

A collection's are computed at the first search that asks and kept in this process until its vectors change; those of
several add up exactly, so that nothing takes part which the person may not see.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.models import Collection, Embedding, EmbeddingCount, Encoder
from retrieval.search import sent
from retrieval.search.vectors import Floats

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

Doubles = NDArray[np.float64]

AT_ONCE = 5_000
KEPT_BYTES = 64 * 2**20


class Part(NamedTuple):
    """One collection's vectors by one encoder, as they are after so many changes."""

    encoder: UUID
    collection: UUID
    changes: int


@dataclass(frozen=True)
class Sums:
    """Of N unit vectors: how many, their sum (D,), and the sum of their outer products (D, D)."""

    count: int
    total: Doubles
    products: Doubles


def parts(encoder: Encoder, *, user: Viewer, collections: tuple[UUID, ...] | None) -> tuple[Part, ...]:
    """What a search among these collections, None for all that the person may see, looks at; by id."""
    visible = Collection.objects.visible_to(user)
    if collections is not None:
        visible = visible.filter(pk__in=collections)
    rows = EmbeddingCount.objects.filter(collection__in=visible, encoder=encoder, images__gt=0).order_by("collection")
    return tuple(Part(encoder.pk, *row) for row in rows.values_list("collection_id", "changes"))


def of(part: Part, *, dimension: int) -> Sums:
    """The sums over one collection, kept from before where its vectors have not changed since."""
    with _lock:
        found = _kept.get(part)
        if found is not None:
            _kept.move_to_end(part)
            return found
    found = _summed(part, dimension=dimension)
    with _lock:
        _kept[part] = found
        while len(_kept) * (found.products.nbytes + found.total.nbytes) > KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    return found


def _summed(part: Part, *, dimension: int) -> Sums:
    count, total, products = 0, np.zeros(dimension), np.zeros((dimension, dimension))
    for vectors in _read(part):
        count += len(vectors)
        total += vectors.sum(axis=0, dtype=np.float64)
        products += vectors.T @ vectors
    return Sums(count, total, products)


def _read(part: Part) -> Iterator[Floats]:
    """All vectors (n, D) of a collection, some at a time."""
    rows = Embedding.objects.filter(encoder=part.encoder, collection=part.collection)
    each = rows.values_list(sent.VECTOR, flat=True).iterator(AT_ONCE)
    while batch := list(islice(each, AT_ONCE)):
        yield sent.numbers(batch)


_lock = threading.Lock()
_kept: OrderedDict[Part, Sums] = OrderedDict()
