"""The three measures as SQL over a stored row, a few lines of data each; smaller distances are nearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Expression, F, FloatField, Value
from django.db.models.functions import Cast, Coalesce, Greatest, Least, NullIf, Power, Sqrt
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, L2Distance, MaxInnerProduct

from retrieval.models import Measure
from retrieval.search.vectors import Floats, QueryVector


@dataclass(frozen=True)
class Metric:
    """One measure.

    ``distance`` makes the SQL expression for a query; ``score`` turns a distance into what a person reads: higher is
    nearer, 1 is the same picture.
    """

    distance: Callable[[QueryVector], Expression]
    score: Callable[[float], float]


def cosine_distance(query: QueryVector) -> Expression:
    """``u <=> v``: 1 - cosine. This is the expression of the index."""
    expression: Expression = CosineDistance(_stored(query), _half(query.unit))
    return expression


def _euclidean(query: QueryVector) -> Expression:
    """|x - y| by the law of cosines: |x - y|^2 = (|x| - |y|)^2 + |x| |y| |u - v|^2, exactly 0 for equal vectors."""
    apart = Power(L2Distance(_stored(query), _half(query.unit)), 2)
    length = Value(query.length, FloatField())
    return Sqrt(Power(F("length") - length, 2) + F("length") * length * apart)


def _pearson(query: QueryVector) -> Expression:
    """1 - r, r = u . vc / cu with the centred query vc (``<#>`` is the negative product); 0 where cu is 0."""
    product = MaxInnerProduct(_stored(query), _half(query.centred))
    unlike = product / NullIf(F("centred_length"), Value(0.0))
    return Value(1.0) + Least(Greatest(Coalesce(unlike, Value(0.0)), Value(-1.0)), Value(1.0))


METRICS = {
    Measure.COSINE: Metric(cosine_distance, lambda distance: 1 - distance),
    Measure.EUCLIDEAN: Metric(_euclidean, lambda distance: 1 / (1 + distance)),
    Measure.PEARSON: Metric(_pearson, lambda distance: 1 - distance),
}


def _stored(query: QueryVector) -> Expression:
    """The column as the index has it: cast to the query's dimension."""
    return Cast("vector", HalfVectorField(dimensions=len(query.unit)))


def _half(vector: Floats) -> HalfVector:
    return HalfVector(vector)
