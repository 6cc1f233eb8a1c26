"""Exact rankings of a gallery for many queries, a block of queries at a time, so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput

Measure = Literal["cosine", "euclidean", "pearson"]
Floats = NDArray[np.floating]
Vectors = NDArray[np.float32]
Order = NDArray[np.int64]

MEASURES: tuple[Measure, ...] = get_args(Measure)
BLOCK_CELLS = 4_000_000
"""Query x gallery cells that are ranked at once; each costs about 40 bytes while it lasts."""

_SIGN = np.uint32(1 << 31)
_INDEX = np.uint64((1 << 32) - 1)
_LIFT = np.float32(4)


@dataclass(frozen=True)
class Scorer:
    """Two sets of vectors made ready, so that ``queries @ gallery.T + bias`` ranks as the measure does."""

    queries: Vectors
    gallery: Vectors
    bias: Vectors

    def scores(self, rows: slice) -> Vectors:
        """Similarity (rows, N) of a block of queries to the gallery: higher is nearer, in no unit."""
        return np.asarray(self.queries[rows] @ self.gallery.T + self.bias, np.float32)


class Scores(Protocol):
    """Whatever scores a gallery for a block of queries."""

    def scores(self, rows: slice) -> Vectors:
        """(rows, N), higher is nearer."""


@dataclass(frozen=True)
class TwoStage:
    """A coarse ranking whose first ``keep`` answers are put in order by a finer one; both must score from -1 to 1."""

    coarse: Scores
    fine: Scores
    keep: int

    def scores(self, rows: slice) -> Vectors:
        """Scores (rows, N): the fine ones, lifted above all others, for what the coarse ranking puts first."""
        coarse = self.coarse.scores(rows)
        first = ranked(coarse)[:, : self.keep]
        np.put_along_axis(coarse, first, np.take_along_axis(self.fine.scores(rows), first, axis=1) + _LIFT, axis=1)
        return coarse


def scorer(queries: Floats, gallery: Floats, *, measure: Measure) -> Scorer:
    """Prepare raw vectors (Q, D) and (N, D) for ranking by a measure.

    Cosine and Pearson are inner products of unit vectors, Pearson's after subtracting each vector's own mean. By
    distance, |x - y|^2 orders a query's gallery as x.y - |y|^2 / 2 does; all vectors are first moved by the gallery's
    mean, which leaves distances alone and saves digits. A zero vector scores 0 by cosine and Pearson.
    Raises InvalidInput for an unknown measure, for vectors of two lengths, and for values that are not finite.
    """
    if measure not in MEASURES:
        raise InvalidInput.of("measure", f"The measure must be one of {', '.join(MEASURES)}.")
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise InvalidInput.of("vectors", "Queries and gallery must be tables of vectors of one length.")
    if not (np.isfinite(queries).all() and np.isfinite(gallery).all()):
        raise InvalidInput.of("vectors", "Vectors must be finite numbers.")
    if measure == "euclidean":
        centre = gallery.mean(axis=0, dtype=np.float64)
        moved = np.asarray(gallery - centre, np.float32)
        asked = moved if queries is gallery else np.asarray(queries - centre, np.float32)
        return Scorer(asked, moved, -0.5 * np.einsum("nd,nd->n", moved, moved))
    known = _unit(gallery, centred=measure == "pearson")
    asked = known if queries is gallery else _unit(queries, centred=measure == "pearson")
    return Scorer(asked, known, np.zeros(len(known), np.float32))


def _unit(vectors: Floats, *, centred: bool) -> Vectors:
    """Vectors of length one in single precision; zero vectors stay zero."""
    values = np.asarray(vectors, np.float32)
    if centred:
        values = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def ranked(scores: Vectors) -> Order:
    """Columns of each row, highest score first, equal scores by column number; -inf stands last. Shape (Q, N).

    The bits of a score, turned so that they compare like whole numbers, and the column number make one 64-bit key:
    sorting keys is several times quicker than a stable argsort and gives the same order.
    """
    bits = (scores + np.float32(0)).view(np.uint32)
    descending = np.where(bits & _SIGN, bits, ~(bits | _SIGN))
    keys = descending.astype(np.uint64) << np.uint64(32) | np.arange(scores.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    return (keys & _INDEX).view(np.int64)


def blocks(queries: int, gallery: int) -> Iterator[slice]:
    """Cut the queries into runs whose block stays under BLOCK_CELLS (one query at least)."""
    size = max(1, BLOCK_CELLS // max(1, gallery))
    return (slice(start, min(start + size, queries)) for start in range(0, queries, size))


def nearest(queries: Floats, gallery: Floats, *, k: int, measure: Measure = "cosine") -> Order:
    """Numbers of the k exact nearest gallery vectors of each query, nearest first: (Q, min(k, N))."""
    ready = scorer(queries, gallery, measure=measure)
    depth = min(k, len(gallery))
    found = np.empty((len(queries), depth), np.int64)
    for rows in blocks(len(queries), len(gallery)):
        found[rows] = ranked(ready.scores(rows))[:, :depth]
    return found
