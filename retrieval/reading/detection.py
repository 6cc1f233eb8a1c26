"""Where text is: what the detector is given, and its map of text as rectangles around lines.

The network and its numbers are those of PP-OCR; the map is taken apart as in M. Liao, Z. Wan, C. Yao, K. Chen, X. Bai:
Real-time scene text detection with differentiable binarization (2020), section 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cv2.typing import MatLike

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

STEP = 32  # the network halves five times
LONG_SIDE, SHORT_SIDE, LONGEST = 960, 480, 1_920  # pixels of what is looked at
MOST_ENLARGED = 4.0
TEXT = 0.3  # from this probability on a pixel is text
SURE = 0.5  # the mean probability inside a rectangle, at least
GROWN = 1.6  # the network learned shrunken lines: by how much of area / perimeter they grow again
SMALLEST = 3.0  # pixels of a rectangle's shorter side
MOST_LINES = 500
STANDING = 1.5  # so many times higher than wide is a line that was turned


@dataclass(frozen=True)
class Place:
    """A rectangle around a line, maybe slanted: corners (4, 2) as x and y, clockwise from where reading begins.

    ``standing``: higher than wide, so that the line runs down or up; the corners are those of one that runs down.
    """

    corners: Floats
    standing: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Its width, along the line, and its height."""
        top_left, top_right, _, bottom_left = self.corners
        return float(np.linalg.norm(top_right - top_left)), float(np.linalg.norm(bottom_left - top_left))

    def ways(self) -> list[Place]:
        """Itself, and the other way round for one that stands: which way that runs only reading it tells."""
        return [self, Place(np.roll(self.corners, 2, axis=0))] if self.standing else [self]


def prepared(pixels: Pixels) -> Floats:
    """Return uint8 (H, W, 3) as the detector takes it: (1, 3, h, w) in -1..1, blue first, sides in steps of 32.

    A tall receipt is looked at larger than its long side alone would have it, as its letters are small.
    """
    height, width = pixels.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = min(LONGEST / long, max(LONG_SIDE / long, SHORT_SIDE / short), MOST_ENLARGED)
    size = [max(STEP, round(side * scale / STEP) * STEP) for side in (width, height)]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return network_input(np.asarray(cv2.resize(pixels, size, interpolation=kind), np.uint8))[None]


def network_input(pixels: Pixels) -> Floats:
    """Return uint8 (H, W, 3) as float32 (3, H, W) in -1..1, blue first, as both networks learned it."""
    return np.ascontiguousarray((pixels[..., ::-1] / 127.5 - 1).transpose(2, 0, 1), np.float32)


def places(probability: Floats, *, size: tuple[int, int]) -> list[Place]:
    """Take a map of text (h, w) apart into at most 500 rectangles, in pixels of a picture of this width and height."""
    text = cv2.dilate((probability > TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array(size) / probability.shape[::-1]
    found = [_place(np.asarray(cv2.boxPoints(each) * scale, np.float32)) for each in _rectangles(probability, outlines)]
    return [place for place in found if min(place.size) >= 1]


Rectangle = tuple[Sequence[float], Sequence[float], float]  # middle, width and height, angle, as OpenCV has it


def _rectangles(probability: Floats, outlines: Sequence[MatLike]) -> Iterator[Rectangle]:
    """Yield the grown rectangles of those outlines that are large and sure enough, the largest first."""
    framed = sorted((cv2.minAreaRect(outline) for outline in outlines), key=lambda one: -one[1][0] * one[1][1])
    for middle, (width, height), angle in framed[:MOST_LINES]:
        if min(width, height) < SMALLEST or mean_inside(probability, (middle, (width, height), angle)) < SURE:
            continue
        grown = 2 * growth(width, height)
        yield middle, (width + grown, height + grown), angle


def growth(width: float, height: float) -> float:
    """By how much each side of a rectangle moves outwards: area x 1.6 / perimeter (formula 10 of the paper)."""
    return GROWN * width * height / (2 * (width + height))


def mean_inside(probability: Floats, rectangle: Rectangle) -> float:
    """The mean of a map (h, w) over the pixels of a rectangle."""
    corners = np.asarray(cv2.boxPoints(rectangle))
    high, wide = probability.shape
    left, top = (max(0, math.floor(value)) for value in corners.min(axis=0))
    right, bottom = (math.ceil(value) + 1 for value in corners.max(axis=0))
    part = probability[top : min(bottom, high), left : min(right, wide)]
    inside = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(corners - [left, top]).astype(np.int32)], 1)
    return float(cv2.mean(part, inside)[0]) if part.size else 0.0


def _place(points: Floats) -> Place:
    """Put the corners (4, 2) of a rectangle in order."""
    by_x = points[np.argsort(points[:, 0], kind="stable")]
    left, right = (side[np.argsort(side[:, 1], kind="stable")] for side in (by_x[:2], by_x[2:]))
    corners = np.array([left[0], right[0], right[1], left[1]], np.float32)
    wide, high = Place(corners).size
    return Place(corners) if high < STANDING * wide else Place(np.roll(corners, -1, axis=0), standing=True)
