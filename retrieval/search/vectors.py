"""Raw vectors to what is stored and asked: unit vectors, their lengths, and several pictures as one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.errors import InvalidInput, RetrievalError

Floats = NDArray[np.float32]

# Rocchio's weights for the relevant and the non-relevant, as Manning, Raghavan and Schütze give them (see ``combine``).
RELEVANT, NON_RELEVANT = 0.75, 0.15


@dataclass(frozen=True)
class Units:
    """N vectors as rows hold them.

    ``vectors`` (N, D) are u = x / |x|, rounded to half precision as the column rounds them; ``lengths`` (N,) are |x|;
    ``centred_lengths`` (N,) are |u - mean(u)| of the rounded u, so that a picture's correlation with itself is 1.
    """

    vectors: Floats
    lengths: Floats
    centred_lengths: Floats


@dataclass(frozen=True)
class Vector:
    """One of ``Units``, on its way into its row: ``unit`` (D,), |x|, and |u - mean(u)|."""

    unit: Floats
    length: float
    centred_length: float


@dataclass(frozen=True)
class QueryVector:
    """What is searched for: ``unit`` (D,), the ``length`` it had, and ``centred`` (D,), its centred unit vector.

    ``centred`` is all zero when ``unit`` is constant: correlation is not defined then and counts as 0.
    """

    unit: Floats
    length: float
    centred: Floats

    @classmethod
    def of(cls, unit: Floats, *, length: float) -> QueryVector:
        """Build it from a unit vector (D,) and the length before normalisation."""
        centred = unit - unit.mean()
        return cls(unit=unit, length=length, centred=_scaled(centred[None], _lengths(centred[None]))[0])


def unit(raw: Floats) -> Units:
    """Raw vectors (N, D) -> what is stored.

    A zero vector has no direction; it gets the constant one, and keeps its length 0: it is finite, euclidean distances
    stay right, it finds itself, and the index (which leaves zero vectors out) holds it. Raises RetrievalError with the
    code ``vector_invalid`` when a number is not finite.
    """
    if not np.isfinite(raw).all():
        raise RetrievalError("The encoder gave a vector with a number that is not finite.", code="vector_invalid")
    lengths = _lengths(raw)
    vectors = _scaled(raw, lengths)
    vectors[lengths == 0] = 1 / np.sqrt(raw.shape[1])
    vectors = vectors.astype(np.float16).astype(np.float32)
    return Units(vectors, lengths, _lengths(vectors - vectors.mean(axis=1, keepdims=True)))


def one_by_one(raw: Floats) -> list[Vector]:
    """Raw vectors (N, D) -> N of what is stored, in the same order. Raises as ``unit``."""
    units = unit(raw)
    parts = zip(units.vectors, units.lengths, units.centred_lengths, strict=True)
    return [Vector(vector, float(length), float(centred)) for vector, length, centred in parts]


def raw(units: ArrayLike, lengths: ArrayLike) -> Floats:
    """Back from what is stored: unit vectors (N, D) and their lengths (N,) -> raw vectors (N, D), in half precision."""
    vectors: Floats = np.asarray(units, np.float32) * np.asarray(lengths, np.float32)[:, None]
    return vectors


def combine(positives: Sequence[QueryVector], *, negatives: Sequence[QueryVector] = ()) -> QueryVector:
    """Several pictures -> one query: q = b mean(u of positives) - c mean(u of negatives), normalised.

    Rocchio's formula over unit vectors without an original query (a = 0), with b = 0.75 and c = 0.15 (J. Rocchio,
    Relevance feedback in information retrieval, 1971; weights from Manning, Raghavan, Schütze, Introduction to
    Information Retrieval, 2008, section 9.1.1). The length is the mean of the positives' lengths. A single positive
    comes back unchanged. Raises InvalidInput when nothing is left.
    """
    if len(positives) == 1 and not negatives:
        return positives[0]
    wanted = RELEVANT * np.mean([query.unit for query in positives], axis=0)
    if negatives:
        wanted = wanted - NON_RELEVANT * np.mean([query.unit for query in negatives], axis=0)
    size = float(np.linalg.norm(wanted))
    if size < np.finfo(np.float16).tiny:
        raise InvalidInput.of("negatives", "The pictures cancel each other out.")
    length = float(np.mean([query.length for query in positives]))
    return QueryVector.of((wanted / size).astype(np.float32), length=length)


def _lengths(rows: Floats) -> Floats:
    """Euclidean lengths (N,) of rows (N, D), summed in double precision so that no square overflows."""
    lengths: Floats = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1)).astype(np.float32)
    return lengths


def _scaled(rows: Floats, lengths: Floats) -> Floats:
    """Rows divided by their lengths; rows of length 0 stay zero."""
    return (rows / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)
