"""Vectors in fewer bits, and how each is searched: floats, halves, and signs re-ranked by halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]

CELLS = 32_768
"""Numbers that are widened at once while searching: they stay in the cache, and torch starts no threads for so few."""


@dataclass(frozen=True)
class Flat:
    """Unit vectors row by row in any kind of number: rows (N, D)."""

    rows: NDArray[Any]

    @property
    def bytes_each(self) -> int:
        """Bytes that one vector takes."""
        return self.rows[:1].nbytes

    def decode(self) -> Floats:
        """The vectors (N, D) that are stood for."""
        return self.rows.astype(np.float32)

    def nearest(self, query: Floats, k: int) -> Numbers:
        """Numbers of the k rows with the greatest inner product with a unit vector (D,), greatest first."""
        return _greatest(self.scores(query), k)

    def scores(self, query: Floats, of: Numbers | None = None) -> Floats:
        """Inner product of all rows, or of these, with a unit vector (D,)."""
        rows = torch.from_numpy(self.rows if of is None else self.rows[of])
        weights = torch.from_numpy(query)
        if rows.dtype == torch.float32:
            return (rows @ weights).numpy()
        step = max(1, CELLS // len(weights))
        parts = [rows[start : start + step].float() @ weights for start in range(0, len(rows), step)]
        return torch.cat(parts).numpy()


def to_float(vectors: Floats) -> Flat:
    """Unit vectors as they are, in single precision."""
    return Flat(unit(vectors))


def to_half(vectors: Floats) -> Flat:
    """Unit vectors in half precision, as search stores them."""
    return Flat(unit(vectors).astype(np.float16))


@dataclass(frozen=True)
class Signs:
    """One bit for each dimension, whether x_d > centre_d: words (N, ceil(D / 64)), centre (D,)."""

    words: Words
    centre: Floats

    @property
    def bytes_each(self) -> int:
        """Bytes that one vector takes."""
        return self.words[:1].nbytes

    def decode(self) -> Floats:
        """Vectors of +1 and -1 (N, D): their inner product is D - 2 x the number of bits that differ."""
        bits = np.unpackbits(self.words.view(np.uint8), axis=1, count=len(self.centre))
        return bits.astype(np.float32) * 2 - 1

    def nearest(self, query: Floats, k: int) -> Numbers:
        """Numbers of the k rows that differ from a unit vector (D,) in the fewest bits, fewest first."""
        asked = _packed(query[None] > self.centre)[0]
        return _greatest(-np.bitwise_count(self.words ^ asked).sum(axis=1, dtype=np.int64), k)


def to_signs(vectors: Floats, *, calibration: Floats) -> Signs:
    """Which side of the calibration's mean each number lies; features that are never negative need such a centre.

    Charikar, Similarity estimation techniques from rounding algorithms (2002), along the axes instead of at random.
    """
    centre = unit(calibration).mean(axis=0)
    return Signs(_packed(unit(vectors) > centre), centre)


@dataclass(frozen=True)
class Reranked:
    """Signs find ``keep`` candidates, finer vectors of the same rows put these in order."""

    coarse: Signs
    fine: Flat
    keep: int

    @property
    def bytes_each(self) -> int:
        """Bytes that one vector takes, both kinds together; only the signs need to be in memory."""
        return self.coarse.bytes_each + self.fine.bytes_each

    def nearest(self, query: Floats, k: int) -> Numbers:
        """Numbers of the k best of the candidates by inner product with a unit vector (D,), best first."""
        found = self.coarse.nearest(query, max(self.keep, k))
        return found[_greatest(self.fine.scores(query, found), k)]


Codes = Flat | Signs | Reranked


def unit(vectors: Floats) -> Floats:
    """Vectors (N, D) at length one; zero vectors stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _packed(bits: NDArray[np.bool_]) -> Words:
    packed = np.packbits(bits, axis=1)
    return np.pad(packed, [(0, 0), (0, -packed.shape[1] % 8)]).view(np.uint64)


def _greatest(scores: NDArray[Any], k: int) -> Numbers:
    count = min(k, len(scores))
    best = np.sort(np.argpartition(-scores, count - 1)[:count])
    return np.asarray(best[np.argsort(-scores[best], kind="stable")], np.int64)
