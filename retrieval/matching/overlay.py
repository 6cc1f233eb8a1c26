"""Why two pictures are alike: which places of each make up the cosine of their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Overlay:
    """``query`` (h, w) and ``result`` (h', w') say what each place adds to ``cosine``: each sums to it."""

    cosine: float
    query: Floats
    result: Floats


def explain(query: Floats, result: Floats) -> Overlay:
    """Divide the cosine of two pictures among their places.

    The vector of each place, (h, w, D), is its part of the picture's vector, which is the sum over all places. So
    q . r / (|q| |r|) is a sum over pairs of places; a place's share is what its pairs add. Stylianou, Souvenir, Pless:
    Visualizing deep similarity networks (2019), section 3; Zhu et al.: Visual explanation for deep metric learning
    (2019). A picture whose vector is zero has a cosine of 0 with everything.
    """
    whole_query, whole_result = _whole(query), _whole(result)
    lengths = float(np.linalg.norm(whole_query) * np.linalg.norm(whole_result))
    scale = 1 / lengths if lengths else 0.0
    return Overlay(
        cosine=float(whole_query @ whole_result * scale),
        query=(query @ whole_result * scale).astype(np.float32),
        result=(result @ whole_query * scale).astype(np.float32),
    )


def _whole(places: Floats) -> NDArray[np.float64]:
    whole: NDArray[np.float64] = places.reshape(-1, places.shape[-1]).sum(axis=0, dtype=np.float64)
    return whole
