"""Whether anything here really looks like the query: one number from the query and its nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

NEIGHBOURS = 5
FALSE_ALARMS = 0.05


def closeness(query: Floats, neighbours: Floats) -> float:
    """Cosine of the query (D,) with the middle of its nearest neighbours (K, D), all unit vectors; K of 5 is usual.

    The mean of the best five cosines, divided by how far the five agree: strangers are met by a hit or two of this
    kind and a few of that, whose middle lies nowhere near. The nearest-class-mean rule of T. Mensink, J. Verbeek,
    F. Perronnin, G. Csurka (Distance-based image classification, 2013), with the neighbours for the class.
    0 where there is no neighbour.
    """
    if not len(neighbours):
        return 0.0
    middle = neighbours.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(middle))
    return float(query @ middle) / length if length > 0 else 0.0


def all_closeness(queries: Floats, gallery: Floats, *, hidden: Mask | None = None) -> Doubles:
    """The closeness of each query (Q, D) in a gallery (N, D), all unit vectors, without what is ``hidden`` (Q, N)."""
    found = np.empty(len(queries))
    for number, query in enumerate(queries):
        scores = gallery @ query
        if hidden is not None:
            scores[hidden[number]] = -np.inf
        first = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
        found[number] = closeness(query, gallery[first[np.isfinite(scores[first])]])
    return found


@dataclass(frozen=True)
class Refusals:
    """How well hopeless queries are told from those with a right answer, shares from 0 to 1.

    ``auc``: how often a hopeless query is less close than a hopeful one. ``seen``: the share of the hopeless below the
    closeness that FALSE_ALARMS of the hopeful stay below. ``false_alarms`` and ``refused``: the shares of both below
    the calibration's own closeness, None without a calibration.
    """

    auc: float
    seen: float
    false_alarms: float | None
    refused: float | None


def refusals(hopeful: Doubles, hopeless: Doubles, *, nothing_below: float | None = None) -> Refusals:
    """Compare the closeness of queries with a right answer (Q,) and without one (M,)."""
    ranked = np.sort(hopeful)
    below = np.searchsorted(ranked, hopeless, side="left")
    ties = np.searchsorted(ranked, hopeless, side="right") - below
    limit = np.quantile(hopeful, FALSE_ALARMS)
    return Refusals(
        auc=float(1 - (below + ties / 2).mean() / len(ranked)),
        seen=float((hopeless < limit).mean()),
        false_alarms=None if nothing_below is None else float((hopeful < nothing_below).mean()),
        refused=None if nothing_below is None else float((hopeless < nothing_below).mean()),
    )
