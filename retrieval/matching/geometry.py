"""Where one picture lies in another: features matched, and the plane transformation that most of them agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from retrieval.matching.local_features import Floats, LocalFeatures

Doubles = NDArray[np.float64]

ALIKE = 0.8  # the least cosine of two descriptors of one corner
RATIO = 0.85  # of the distances to the nearest and to the next descriptor
APART = 0.02  # of the long side: nearer than this a feature is the same corner found twice
OCTAVES, DEGREES = 0.6, 25.0  # how far apart in size and turn two matches may be and still tell of one transformation
FEWEST = 8  # matches that have to agree
THRESHOLD = 0.008  # of the long side: how far from where the transformation puts it a feature may lie
PLENTY = 40  # matches after which nobody asks whether the mirrored picture had more
MOST_FOCUS = 4.0  # how much smaller perspective may make one side than the one across
PIXELS = 1_000.0  # to the long side, while the transformation is sought
ITERATIONS = 2_000
CONFIDENCE = 0.999
ROW = 2**20  # cells to a column, more than there are
AT_ONCE = 16  # rows of a product
GRID = 24  # points to a side, by which areas are measured


@dataclass(frozen=True)
class Alignment:
    """How a result lies in a query.

    ``homography`` (3, 3) takes points of the result to points of the query, both in units of their long sides; with
    ``mirrored`` the result is turned over its vertical middle first, which is part of the homography.
    ``query_points`` and ``result_points`` (M, 2) are the matches that agree, ``query_index`` and ``result_index`` (M,)
    tell which features they are. ``support`` is their share of the result's features that lie within the query.
    """

    homography: Doubles
    mirrored: bool
    query_index: NDArray[np.int64]
    result_index: NDArray[np.int64]
    query_points: Floats
    result_points: Floats
    support: float

    @property
    def matches(self) -> int:
        """How many features agree."""
        return len(self.query_points)


def align(query: LocalFeatures, result: LocalFeatures) -> Alignment | None:
    """Find the transformation that the most features agree on, the result as it is or mirrored; None if there is none.

    Matches are mutual nearest neighbours that pass the ratio test (Lowe 2004, section 7.1), thinned to those that agree
    in turn and size (Hough's vote, ibid. 7.3), and verified by a homography found with MAGSAC++ (Barath et al. 2020).
    """
    plain = _aligned(query, result)
    if plain and plain.matches >= PLENTY:
        return plain
    over = _aligned(query, result.mirrored())
    if over is None or (plain and plain.matches >= over.matches):
        return plain
    return _unmirrored(over, result)


def project(homography: Doubles, points: Floats | Doubles) -> Doubles:
    """Points (N, 2) -> where the homography puts them (N, 2)."""
    ahead = np.column_stack([np.asarray(points, np.float64), np.ones(len(points))]) @ homography.T
    projected: Doubles = ahead[:, :2] / ahead[:, 2:]
    return projected


def within(points: Doubles, picture: LocalFeatures) -> NDArray[np.bool_]:
    """Which of the points (N, 2) lie within a picture's frame (N,)."""
    return np.asarray(((points >= 0) & (points <= [picture.width, picture.height])).all(axis=1), bool)


def inverse(homography: Doubles) -> Doubles:
    """The way back."""
    return np.asarray(np.linalg.inv(homography), np.float64)


def corners(features: LocalFeatures) -> Doubles:
    """The corners (4, 2) of a picture, clockwise from the upper left, in units of its long side."""
    width, height = features.width, features.height
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def evenly(picture: LocalFeatures) -> Doubles:
    """Points (N, 2) evenly over a picture, in units of its long side."""
    places = (np.arange(GRID) + 0.5) / GRID
    axes = np.meshgrid(places * picture.width, places * picture.height)
    return np.asarray(np.stack(axes, axis=-1).reshape(-1, 2), np.float64)


def matched(query: LocalFeatures, result: LocalFeatures) -> NDArray[np.int64]:
    """Pairs (M, 2) of positions of features that are each other's nearest, and clearly nearer than the next one."""
    if min(len(query), len(result)) < FEWEST:
        return np.empty((0, 2), np.int64)
    alike = _cosines(query.descriptors, result.descriptors)
    nearest = alike.argmax(axis=1)
    # Numpy takes six times as long along the columns as to turn them and go along the rows.
    nearest_back = np.asarray(cv2.transpose(alike)).argmax(axis=1)
    mutual = np.flatnonzero(nearest_back[nearest] == np.arange(len(query)))
    mutual = mutual[alike[mutual, nearest[mutual]] > ALIKE]
    chosen = nearest[mutual]
    # Of unit vectors the squared distance is 2 - 2 cos. Too near is whose RATIO^2 of it is no more than the nearest's.
    bound = 1 - (1 - alike[mutual, chosen]) / RATIO**2
    rows, others = np.divmod(np.flatnonzero(alike[mutual] >= bound[:, None]), len(result))
    apart = result.points[chosen[rows]] - result.points[others]
    unclear = rows[(apart * apart).sum(axis=1) >= APART**2]
    clear = np.ones(len(mutual), bool)
    clear[unclear] = False
    return np.column_stack([mutual[clear], chosen[clear]])


def _cosines(here: Floats, there: Floats) -> Floats:
    """Of each with each (M, N), unit vectors (M, D) and (N, D), some rows at a time.

    A larger product BLAS divides among threads, which take more time to wait for each other than it does.
    """
    alike, columns = np.empty((len(here), len(there)), np.float32), np.ascontiguousarray(there.T)
    for row in range(0, len(here), AT_ONCE):
        np.matmul(here[row : row + AT_ONCE], columns, out=alike[row : row + AT_ONCE])
    return alike


def moved(alignment: Alignment, change: Doubles) -> Alignment:
    """The same alignment after the query's points were changed by a map (3, 3)."""
    return replace(
        alignment,
        homography=change @ alignment.homography,
        query_points=project(change, alignment.query_points).astype(np.float32),
    )


def _aligned(query: LocalFeatures, result: LocalFeatures) -> Alignment | None:
    pairs = _agreeing(query, result)
    if len(pairs) < FEWEST or _most_distinct(pairs, query, result) < FEWEST:
        return None  # whatever the transformation, which takes long to seek where there is none
    homography, inside = _homography(result.points[pairs[:, 1]], query.points[pairs[:, 0]])
    if homography is None or not _is_plausible(homography, result):
        return None
    kept = _distinct(pairs[inside], query, result)
    if len(kept) < FEWEST:
        return None
    visible = within(project(homography, result.points), query)
    return Alignment(
        homography=homography,
        mirrored=False,
        query_index=kept[:, 0],
        result_index=kept[:, 1],
        query_points=query.points[kept[:, 0]],
        result_points=result.points[kept[:, 1]],
        support=len(kept) / max(1, int(visible.sum())),
    )


def _homography(there: Floats, here: Floats) -> tuple[Doubles | None, NDArray[np.bool_]]:
    """The map from there to here, points (N, 2), and which of them it takes to within the threshold (N,).

    OpenCV's MAGSAC is made for pixels: with lengths of about 1 it finds nonsense.
    """
    found, inside = cv2.findHomography(
        there.astype(np.float64) * PIXELS,
        here.astype(np.float64) * PIXELS,
        cv2.USAC_MAGSAC,
        THRESHOLD * PIXELS,
        None,
        ITERATIONS,
        CONFIDENCE,
    )
    if found is None:
        return None, np.zeros(len(here), bool)
    from_pixels = np.diag([1 / PIXELS, 1 / PIXELS, 1])
    homography: Doubles = from_pixels @ np.asarray(found, np.float64) @ np.diag([PIXELS, PIXELS, 1])
    return homography / homography[2, 2], inside.ravel() > 0


def _agreeing(query: LocalFeatures, result: LocalFeatures) -> NDArray[np.int64]:
    """The matches that tell of about the same turn and change of size as the one with the most like it."""
    pairs = matched(query, result)
    if len(pairs) < FEWEST:
        return pairs
    octaves = np.log2(query.sizes[pairs[:, 0]] / result.sizes[pairs[:, 1]])
    turns = query.angles[pairs[:, 0]] - result.angles[pairs[:, 1]]
    turned = np.abs(turns[:, None] - turns[None])
    turned = np.abs(turned - 360 * np.rint(turned / 360))
    alike = (turned < DEGREES) & (np.abs(octaves[:, None] - octaves[None]) < OCTAVES)
    agreeing: NDArray[np.int64] = pairs[alike[alike.sum(axis=1).argmax()]]
    return agreeing


def _distinct(pairs: NDArray[np.int64], query: LocalFeatures, result: LocalFeatures) -> NDArray[np.int64]:
    """One match a place, in both pictures: corners found at several sizes or turns are no more proof than one."""
    for column, points in ((0, query.points), (1, result.points)):
        pairs = pairs[np.unique(_cells(points[pairs[:, column]]), return_index=True)[1]]
    return pairs


def _most_distinct(pairs: NDArray[np.int64], query: LocalFeatures, result: LocalFeatures) -> int:
    """What ``_distinct`` leaves of any part of the matches, at most."""
    sides = query.points[pairs[:, 0]], result.points[pairs[:, 1]]
    return min(len(np.unique(_cells(points))) for points in sides)


def _cells(points: Floats) -> NDArray[np.int64]:
    """The cell in which each point lies (N,), as a number that rises from left to right, then down."""
    cells = np.floor(points / APART).astype(np.int64)
    return np.asarray(cells[:, 0] * ROW + cells[:, 1], np.int64)


def _is_plausible(homography: Doubles, result: LocalFeatures) -> bool:
    """Whether the result's frame stays convex, is not turned over, and not seen too far from the side."""
    quad = project(homography, corners(result))
    if not np.isfinite(quad).all():
        return False
    sides = np.roll(quad, -1, axis=0) - quad
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    lengths = np.linalg.norm(sides, axis=1)
    across = np.maximum(lengths, lengths[[2, 3, 0, 1]]) / np.minimum(lengths, lengths[[2, 3, 0, 1]])
    return bool((turns > 0).all() and across.max() < MOST_FOCUS)


def _unmirrored(alignment: Alignment, result: LocalFeatures) -> Alignment:
    """The same alignment, said of the result as it is."""
    over = np.array([[-1, 0, result.width], [0, 1, 0], [0, 0, 1]])
    return replace(
        alignment,
        mirrored=True,
        homography=alignment.homography @ over,
        result_points=result.points[alignment.result_index],
    )
