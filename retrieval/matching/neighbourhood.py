"""Vectors smoothed by those most like them in their gallery, and queries likewise: database-side augmentation.

R. Arandjelovic, A. Zisserman: Three things everyone should know to improve object retrieval (2012), section 3, with the
weights of F. Radenovic, G. Tolias, O. Chum: Fine-tuning CNN image retrieval with no human annotation (2019), 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

NEIGHBOURS = 3
POWER = 3  # of the cosine, as a neighbour's weight
AT_ONCE = 500  # vectors that are compared with a gallery in one matrix product


@dataclass(frozen=True)
class Near:
    """Of n vectors those most like each: places in the gallery (n, K), nearest first, equals by place; cosines (n, K).

    Where there are fewer than K, the place is -1 and the cosine minus infinity.
    """

    places: Numbers
    cosines: Floats


def most_like(vectors: Floats, gallery: Floats, *, own: Numbers | None = None) -> Near:
    """The three of a gallery (N, D) most like each vector (n, D), all of unit length.

    ``own`` (n,): where the vectors themselves stand in the gallery, as none is its own neighbour.
    """
    places = np.full((len(vectors), NEIGHBOURS), -1, np.int64)
    cosines = np.full((len(vectors), NEIGHBOURS), -np.inf, np.float32)
    rows, scores = np.arange(len(vectors)), vectors @ gallery.T
    if own is not None:
        scores[rows, own] = -np.inf
    for rank in range(min(NEIGHBOURS, len(gallery) - (own is not None))):
        places[:, rank] = scores.argmax(axis=1)
        cosines[:, rank] = scores[rows, places[:, rank]]
        scores[rows, places[:, rank]] = -np.inf
    return Near(places, cosines)


def smoothed(vectors: Floats, near: Near, *, gallery: Floats) -> Floats:
    """u + sum of max(u.v, 0)^3 v over its neighbours v, of unit length again, for each unit vector u (n, D)."""
    if not len(gallery):
        return vectors
    weights = np.maximum(near.cosines, 0) ** POWER
    moved = vectors + np.einsum("nk,nkd->nd", weights, gallery[near.places])
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def of_gallery(gallery: Floats) -> Floats:
    """Each vector of a gallery (N, D) smoothed by the others."""
    found = [
        smoothed(gallery[rows], most_like(gallery[rows], gallery, own=np.arange(len(gallery))[rows]), gallery=gallery)
        for rows in _blocks(len(gallery))
    ]
    return np.concatenate([gallery[:0], *found])


def of_queries(queries: Floats, gallery: Floats) -> Floats:
    """Queries (Q, D) smoothed by what is most like them in a gallery (N, D) of vectors that are not smoothed."""
    found = [
        smoothed(queries[rows], most_like(queries[rows], gallery), gallery=gallery) for rows in _blocks(len(queries))
    ]
    return np.concatenate([queries[:0], *found])


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE))
