"""What two pictures have to do with each other, how one was made of the other, and where they meet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from retrieval.matching.geometry import Alignment, Doubles, corners, evenly, inverse, project, within
from retrieval.matching.local_features import LocalFeatures
from retrieval.matching.spread import is_spread

Point = tuple[float, float]

WHOLE = 0.92  # of a picture that lies within the other: nothing worth a word is missing
RIGHT_ANGLE, STRAIGHT = 4.0, 2.5  # degrees
AS_LARGE = 1.15  # times as many pixels to a side, or as few
AS_WIDE = 1.08  # times as wide in relation to its height
RECOLOURED = 20.0  # levels, of 255, of a colour's mean
CONTRASTS, VIVIDNESS = 2.0, 1.6  # times as much, or as little
# A flat picture's copy is where an affine map puts it, to within this much of the long side (root mean square), and
# its lightness rises and falls with the original's. What is only the same object was seen from elsewhere.
FLAT = 0.004
LIGHTNESS = 0.6
SUPPORT = 0.06
# A copy is one in all of the part that they share: there the affine map and the homography, which few matches in one
# corner leave free elsewhere, differ by this much of the long side at most; and the fewer matches there are, the larger
# a share of what could have matched they have to be. Of 298 edited copies of 30 photographs the worst had 0.006 and
# 1.7; pictures that were drawn with the same boat or flower had 0.05 to 0.2, or 0.6. Both limits come from these.
AGREED = 0.02
EVIDENCE = 1.0  # matches times their share


class Verdict(StrEnum):
    """How alike two pictures are by their details."""

    SAME_FILE = "same_file"
    SAME_IMAGE = "same_image"
    SAME_THING = "same_thing"


@dataclass(frozen=True)
class Judgement:
    """What was found. ``edit`` says what was done to the result to make the query, in words that the API promises.

    ``outline`` are the corners of the shared part on the result, ``query_outline`` on the query, in fractions of the
    upright picture's width and height, in the same order; both are held within the picture.
    """

    verdict: Verdict
    edit: tuple[str, ...]
    outline: tuple[Point, ...]
    query_outline: tuple[Point, ...]
    matches: int


@dataclass(frozen=True)
class Side:
    """One of the two pictures: its features, and the size in pixels of the original (width, height)."""

    features: LocalFeatures
    size: tuple[int, int]


def judge(alignment: Alignment, *, query: Side, result: Side) -> Judgement:
    """Say what an alignment of two pictures means."""
    affine, residual = _affine(alignment)
    same = (
        residual < FLAT
        and alignment.support > max(SUPPORT, EVIDENCE / alignment.matches)
        and _disagreement(affine, alignment, query=query.features, result=result.features) < AGREED
        and _lightness(alignment, query=query.features, result=result.features) > LIGHTNESS
        and is_spread(alignment, query=query.features, result=result.features)
    )
    ahead, back = alignment.homography, inverse(alignment.homography)
    return Judgement(
        verdict=Verdict.SAME_IMAGE if same else Verdict.SAME_THING,
        edit=_edits(affine, alignment, query=query, result=result) if same else (),
        outline=_outline(back, query.features, on=result.features),
        query_outline=_outline(ahead, result.features, on=query.features),
        matches=alignment.matches,
    )


def same_file() -> Judgement:
    """The judgement on two pictures of the same bytes."""
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    return Judgement(Verdict.SAME_FILE, (), whole, whole, matches=0)


def share_within(homography: Doubles, picture: LocalFeatures, *, of: LocalFeatures) -> float:
    """The share 0 to 1 of a picture's area that the homography puts within the frame of another."""
    return float(within(project(homography, evenly(picture)), of).mean())


def _affine(alignment: Alignment) -> tuple[Doubles, float]:
    """The affine map (2, 3) nearest to all matches, and how far off it leaves them (root mean square, of a unit)."""
    there, here = alignment.result_points.astype(np.float64), alignment.query_points.astype(np.float64)
    ahead = np.column_stack([there, np.ones(len(there))])
    found: Doubles = np.asarray(np.linalg.lstsq(ahead, here, rcond=None)[0].T, np.float64)
    off = np.square(ahead @ found.T - here).sum(axis=1).mean()
    return found, float(np.sqrt(off) / max(1.0, np.sqrt(abs(np.linalg.det(found[:, :2])))))


def _disagreement(affine: Doubles, alignment: Alignment, *, query: LocalFeatures, result: LocalFeatures) -> float:
    """How far apart the affine map and the homography put what is shared, at most, by the result's long side."""
    grid = evenly(result)
    exactly = project(alignment.homography, grid)
    flatly = np.column_stack([grid, np.ones(len(grid))]) @ affine.T
    shared = within(exactly, query)
    if not shared.any():
        return np.inf
    scale = max(1e-9, float(np.sqrt(abs(np.linalg.det(affine[:, :2])))))
    return float(np.linalg.norm(exactly - flatly, axis=1)[shared].max()) / scale


def _lightness(alignment: Alignment, *, query: LocalFeatures, result: LocalFeatures) -> float:
    """The correlation of lightness at the matches, 1 where the result is even."""
    here = query.colours[alignment.query_index].mean(axis=1)
    there = result.colours[alignment.result_index].mean(axis=1)
    if min(here.std(), there.std()) < 1:
        return 1.0
    return float(np.corrcoef(here, there)[0, 1])


def _edits(affine: Doubles, alignment: Alignment, *, query: Side, result: Side) -> tuple[str, ...]:
    linear = affine[:, :2]
    mirrored = bool(np.linalg.det(linear) < 0)
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    words = _framing(alignment, linear, query=query.features, result=result.features)
    words += ["mirrored"] if mirrored else []
    turn = _turn(linear)
    words += [f"turned {turn}"] if turn else []
    words += _sizes(linear, query=query, result=result)
    words += ["recoloured"] if _recoloured(alignment, query=query.features, result=result.features) else []
    return tuple(words)


def _recoloured(alignment: Alignment, *, query: LocalFeatures, result: LocalFeatures) -> bool:
    """Whether the matches are on the whole lighter, darker, flatter or more or less colourful than they were."""
    here, there = query.colours[alignment.query_index], result.colours[alignment.result_index]
    if np.abs(here.mean(axis=0) - there.mean(axis=0)).max() > RECOLOURED:
        return True
    ratios = (1 + here.std(axis=0)) / (1 + there.std(axis=0))
    vivid = [4 + float(np.ptp(colours, axis=1).mean()) for colours in (here, there)]
    return bool(max(ratios.max(), 1 / ratios.min()) > CONTRASTS or max(vivid) > VIVIDNESS * min(vivid))


def _framing(alignment: Alignment, linear: Doubles, *, query: LocalFeatures, result: LocalFeatures) -> list[str]:
    """Whether a part of the result is missing, and whether there is more than the result."""
    ahead, back = alignment.homography, inverse(alignment.homography)
    words = ["cropped"] if share_within(ahead, result, of=query) < WHOLE else []
    filled = _filled(np.radians(_angle(linear)), result)
    return words + (["pasted"] if share_within(back, query, of=result) < WHOLE * filled else [])


def _filled(angle: float, result: LocalFeatures) -> float:
    """The share of an upright frame that a picture fills which was merely turned within it."""
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    width, height = result.width, result.height
    return float(width * height / ((width * cos + height * sin) * (width * sin + height * cos)))


def _angle(linear: Doubles) -> float:
    """By how much the map turns, in degrees clockwise (y points down), 0 to 360."""
    return float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])) % 360)


def _turn(linear: Doubles) -> int:
    """The turn in whole degrees, a right angle where it is nearly one, 0 where it is nearly none."""
    angle = _angle(linear)
    right = round(angle / 90) * 90
    if abs(angle - right) < (STRAIGHT if right % 360 == 0 else RIGHT_ANGLE):
        return right % 360
    return round(angle) % 360


def _sizes(linear: Doubles, *, query: Side, result: Side) -> list[str]:
    """Whether the query has more or fewer pixels where the result has one, and whether it is stretched."""
    pixels = max(query.size) / max(result.size)
    scale = pixels * np.sqrt(abs(np.linalg.det(linear)))
    resized = ["resized"] if not 1 / AS_LARGE < scale < AS_LARGE else []
    widest, narrowest = np.linalg.svd(linear, compute_uv=False)
    return resized + (["stretched"] if widest > AS_WIDE * narrowest else [])


def _outline(homography: Doubles, picture: LocalFeatures, *, on: LocalFeatures) -> tuple[Point, ...]:
    """The frame of a picture as it lies on another, in fractions of that one's sides, held within it."""
    quad = project(homography, corners(picture)) / [on.width, on.height]
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in np.clip(quad, 0, 1))
