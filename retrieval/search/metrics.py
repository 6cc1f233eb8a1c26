"""The three measures as SQL over a stored row, a few lines of data each; smaller distances are nearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrieval.models import Measure
from retrieval.search.sql import Sql
from retrieval.search.vectors import Floats, QueryVector


@dataclass(frozen=True)
class Metric:
    """One measure.

    ``distance`` makes the SQL expression for a query; ``score`` turns a distance into what a person reads: higher is
    nearer, 1 is the same picture.
    """

    distance: Callable[[QueryVector], Sql]
    score: Callable[[float], float]


def cosine_distance(query: QueryVector) -> Sql:
    """``u <=> v``: 1 - cosine. This is the expression of the index."""
    return _compared("<=>", query.unit)


def _euclidean(query: QueryVector) -> Sql:
    """|x - y| by the law of cosines: |x - y|^2 = (|x| - |y|)^2 + |x| |y| |u - v|^2, exactly 0 for equal vectors."""
    lengths = Sql("sqrt(power(length - %s, 2) + length * %s * power(", (query.length, query.length))
    return lengths + _compared("<->", query.unit) + Sql(", 2))")


def _pearson(query: QueryVector) -> Sql:
    """1 - r, r = u . vc / cu with the centred query vc (``<#>`` is the negative product); 0 where cu is 0."""
    unlike = _compared("<#>", query.centred) + Sql(" / nullif(centred_length, 0)")
    return Sql("1 + least(greatest(coalesce(") + unlike + Sql(", 0), -1), 1)")


METRICS = {
    Measure.COSINE: Metric(cosine_distance, lambda distance: 1 - distance),
    Measure.EUCLIDEAN: Metric(_euclidean, lambda distance: 1 / (1 + distance)),
    Measure.PEARSON: Metric(_pearson, lambda distance: 1 - distance),
}


def _compared(operator: str, vector: Floats) -> Sql:
    """The column as the index has it, cast to the query's dimension, and the query's numbers."""
    halves = f"halfvec({len(vector)})"
    return Sql(f"((vector::{halves}) {operator} %s::{halves})", (str(vector.tolist()),))
