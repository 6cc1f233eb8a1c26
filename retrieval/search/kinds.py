"""By what an index finds, as SQL for index and query alike: half-precision vectors, or one bit for each number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgvector import HalfVector

from retrieval.models import Encoder, IndexKind
from retrieval.search.metrics import cosine_distance
from retrieval.search.sql import Sql
from retrieval.search.vectors import QueryVector


@dataclass(frozen=True)
class Kind:
    """One kind of index.

    ``column`` makes what is indexed, ``operators`` is how that is compared, ``apart`` makes the distance that the index
    gives in order. The column type can be indexed up to ``most_dimensions``; a row takes ``bytes_each`` of a dimension.
    """

    prefix: str
    operators: str
    column: Callable[[Encoder], str]
    apart: Callable[[Encoder, QueryVector], Sql]
    most_dimensions: int
    bytes_each: float


def _halves(encoder: Encoder) -> str:
    return f"(vector::halfvec({encoder.dimension}))"


def _bits(encoder: Encoder) -> str:
    return f"({_signs('vector', encoder)})"


def _signs(vector: str, encoder: Encoder) -> str:
    """Which numbers of a vector lie above the centre, as SQL.

    Charikar, Similarity estimation techniques from rounding algorithms (2002), along the axes instead of at random.
    Features that are never negative need a centre: against zero all their bits would be alike.
    """
    if encoder.bits_centre is None:
        raise ValueError("an index of bits needs the mean of the vectors")
    halves = f"halfvec({encoder.dimension})"
    return f"binary_quantize({vector}::{halves} - {_literal(encoder.bits_centre)}::{halves})::bit({encoder.dimension})"


def _literal(numbers: Sequence[float]) -> str:
    """A vector in SQL; it is made of numbers only, so that nothing needs to be quoted."""
    return f"'{HalfVector(list(numbers)).to_text()}'"


def _cosine(_encoder: Encoder, query: QueryVector) -> Sql:
    return cosine_distance(query)


def _different_bits(encoder: Encoder, query: QueryVector) -> Sql:
    return Sql(f"({_signs('vector', encoder)} <~> {_signs(_literal(query.unit.tolist()), encoder)})")


KINDS = {
    IndexKind.HALVES: Kind("embedding_hnsw_", "halfvec_cosine_ops", _halves, _cosine, 4_000, 4),
    IndexKind.BITS: Kind("embedding_bits_", "bit_hamming_ops", _bits, _different_bits, 16_000, 0.25),
}
