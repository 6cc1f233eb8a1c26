"""Whether what two pictures share lies all over both, or in a strip that was laid over different pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrieval.matching.geometry import Alignment, Doubles, evenly, inverse, project, within
from retrieval.matching.local_features import Floats, LocalFeatures

CELLS = 4  # to a side, of what is shared
TELLING = 4  # features, from which on a cell without a match tells something
# So many of the telling cells have a match, or, of few matches, so many cells for each. Of 94 pairs of different
# pictures with the same banner or in the same window that agreed in all else one passes; of 717 pairs of which one was
# made of the other, or both of a third, 694.
COVERED, FOR_EACH_MATCH = 0.5, 0.25


def is_spread(alignment: Alignment, *, query: LocalFeatures, result: LocalFeatures) -> bool:
    """Tell whether the matches lie in enough of the cells of the shared part, on either picture."""
    ahead, back = alignment.homography, inverse(alignment.homography)
    there = covered(ahead, result, on=query, matches=alignment.result_points)
    here = covered(back, query, on=result, matches=alignment.query_points)
    return all(found >= min(COVERED * of, FOR_EACH_MATCH * alignment.matches) for found, of in (there, here))


def covered(homography: Doubles, picture: LocalFeatures, *, on: LocalFeatures, matches: Floats) -> tuple[int, int]:
    """How many cells of the picture's part on another have a match, and how many have enough features to tell.

    ``matches`` (M, 2) are those of the picture's points that agree.
    """
    shared = evenly(picture)
    shared = shared[within(project(homography, shared), on)]
    if not len(shared):
        return 0, 0
    low, high = shared.min(axis=0), shared.max(axis=0)
    seen = picture.points[within(project(homography, picture.points), on)]
    telling = _counts(seen, low, high) >= TELLING
    return int((telling & (_counts(matches, low, high) > 0)).sum()), int(telling.sum())


def _counts(points: Floats, low: Doubles, high: Doubles) -> NDArray[np.int64]:
    """How many of the points (N, 2) lie in each of the cells (CELLS^2,) between two corners, or beside it outside."""
    places = (points - low) / np.maximum(high - low, 1e-9) * CELLS
    x, y = np.clip(places.astype(np.int64), 0, CELLS - 1).T
    return np.bincount(CELLS * y + x, minlength=CELLS**2)
