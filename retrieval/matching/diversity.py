"""Answers that show different things: maximal marginal relevance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def varied(query: Floats, found: Floats, *, diversity: float) -> list[int]:
    """The order in which to show what was found (N, D) of a query (D,), all unit vectors; ``diversity`` from 0 to 1.

    Each time the next is that with the largest (1 - diversity) cos(query, d) - diversity max over those shown before
    of cos(d, s); the first of those found among equals. With 0 it is the order of the cosines, with 1 the query only
    chooses the first. J. Carbonell, J. Goldstein: The use of MMR, diversity-based reranking for reordering documents
    and producing summaries (1998), whose lambda is 1 - diversity.
    """
    near = found @ query
    alike = np.full(len(found), -np.inf)
    left = np.ones(len(found), dtype=bool)
    order: list[int] = []
    while left.any():
        worth = (1 - diversity) * near - diversity * alike if order else near
        chosen = int(np.argmax(np.where(left, worth, -np.inf)))
        order.append(chosen)
        left[chosen] = False
        alike = np.maximum(alike, found @ found[chosen])
    return order
