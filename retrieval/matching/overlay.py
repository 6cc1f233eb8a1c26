"""Why two pictures are alike: which places of each make up the cosine of their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Overlay:
    """``query`` and ``result``, both (h, w), say what each place adds to ``cosine``: each sums to it."""

    cosine: float
    query: Doubles
    result: Doubles

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of both."""
        return self.query.shape[0], self.query.shape[1]


def explain(query: Floats, result: Floats) -> Overlay:
    """Divide the cosine of two pictures among their places.

    The vector of each place, (h, w, D), is its part of the picture's vector, which is the sum over all places. So
    q . r / (|q| |r|) is a sum over pairs of places; a place's share is what its pairs add. Stylianou, Souvenir, Pless:
    Visualizing deep similarity networks (2019), section 3; Zhu et al.: Visual explanation for deep metric learning
    (2019). A picture whose vector is zero has a cosine of 0 with everything. Pictures of two shapes are laid on one
    grid, as fine as the finer of both: what a place adds is divided by area.
    """
    whole_query, whole_result = _whole(query), _whole(result)
    lengths = float(np.linalg.norm(whole_query) * np.linalg.norm(whole_result))
    scale = 1 / lengths if lengths else 0.0
    cells = max(query.shape[0], result.shape[0]), max(query.shape[1], result.shape[1])
    return Overlay(
        cosine=float(whole_query @ whole_result * scale),
        query=spread(query @ whole_result * scale, cells),
        result=spread(result @ whole_query * scale, cells),
    )


def spread(shares: Doubles, cells: tuple[int, int]) -> Doubles:
    """Shares (h, w) on a grid of other cells, divided by area; the sum stays."""
    rows, columns = (_parts(have, want) for have, want in zip(shares.shape, cells, strict=True))
    return rows @ shares @ columns.T


def _parts(have: int, want: int) -> Doubles:
    """Which part (want, have) of each of so many equal lengths lies in each of so many others on the same line."""
    old, new = np.arange(have) / have, np.arange(want)[:, None] / want
    shared = np.minimum(old + 1 / have, new + 1 / want) - np.maximum(old, new)
    return np.asarray(np.maximum(shared, 0) * have)


def _whole(places: Floats) -> Doubles:
    whole: Doubles = places.reshape(-1, places.shape[-1]).sum(axis=0, dtype=np.float64)
    return whole
