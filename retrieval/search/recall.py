"""What the index finds of the exact answers, measured by stored vectors drawn at random."""

from __future__ import annotations

from retrieval.models import Encoder
from retrieval.search import query, scope, stored
from retrieval.search.query import Question
from retrieval.search.scope import Scope
from retrieval.search.sql import bounded


def shares(encoder: Encoder, *, queries: int, k: int) -> list[float]:
    """Ask with so many vectors for the ``k`` nearest; return which share of the exact ones the index gave, each time.

    Left out are queries for which the index gives too few: searches answer these exactly.
    """
    everything = scope.everything(encoder)
    asked = [Question(encoder, vector, k=k) for vector in stored.some_queries(encoder, most=queries)]
    found = [_share(question, everything) for question in asked]
    return [share for share in found if share is not None]


def _share(question: Question, everything: Scope) -> float | None:
    with bounded() as asking:
        near = query.approximate(question, everything, asking=asking)
        if near is None:
            return None
        # A picture as near as the last exact one is as right as that one.
        exact = query.exact(question, everything, asking=asking)
        farthest = exact[-1][1]
        return sum(distance <= farthest for _, distance in near) / len(exact)
