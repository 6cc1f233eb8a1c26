"""Parts of a picture where another one may stand: its quarters, and what stands out from an even ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from retrieval.matching.local_features import Pixels

LOOKED_AT = 448  # pixels of the long side
FAR = 20.0  # levels from the ground's colour
SPECK = 6  # pixels: strokes of letters are thinner
GAP = 15  # pixels: parts of one picture that look like the ground are no wider
SMALLEST, LARGEST = 0.01, 0.9  # of the area
FULLEST = 0.6  # of a box that a picture fills
MOST = 6
HALVES = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.25, 0.25))


@dataclass(frozen=True)
class Box:
    """A part of a picture, in fractions of its width and height."""

    x: float
    y: float
    w: float
    h: float

    def cut(self, pixels: Pixels) -> Pixels:
        """The pixels inside, at least one."""
        height, width = pixels.shape[:2]
        left, top = int(self.x * width), int(self.y * height)
        right, bottom = max(left + 1, round((self.x + self.w) * width)), max(top + 1, round((self.y + self.h) * height))
        return np.ascontiguousarray(pixels[top:bottom, left:right])


def likely_parts(pixels: Pixels) -> list[Box]:
    """The boxes to ask for besides the whole of pixels (H, W, 3): what stands out first, then quarters and middle."""
    return [*standing_out(pixels), *(Box(x, y, 0.5, 0.5) for x, y in HALVES)]


def standing_out(pixels: Pixels) -> list[Box]:
    """Boxes of what differs from the colour of the ground, the largest first; text is too thin to count."""
    scale = LOOKED_AT / max(pixels.shape[:2])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small: Pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    differs = np.asarray(cv2.bitwise_not(_near(small, _ground(small))), np.uint8)
    solid = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    found = [box for row in stats[1:] if (box := _box(row, size))]
    return sorted(found, key=lambda box: -box.w * box.h)[:MOST]


def _near(small: Pixels, ground: NDArray[np.float32]) -> Pixels:
    """255 where no channel is farther than ``FAR`` from the ground's, else 0: uint8 (H, W)."""
    lowest, highest = np.clip([np.ceil(ground - FAR), np.floor(ground + FAR)], 0, 255)
    return np.asarray(cv2.inRange(small, lowest, highest), np.uint8)


def _ground(small: Pixels) -> NDArray[np.float32]:
    """The commonest colour (3,), to the nearest 16 levels."""
    red, green, blue = (channel.astype(np.uint16) for channel in cv2.split(small >> 4))
    keys = (red << 8 | green << 4 | blue).ravel()
    commonest = np.bincount(keys).argmax()
    ground: NDArray[np.float32] = np.median(small.reshape(-1, 3)[keys == commonest], axis=0).astype(np.float32)
    return ground


def _box(row: NDArray[np.int32], size: tuple[int, int]) -> Box | None:
    left, top, width, height, area = (int(value) for value in row)
    share = width * height / (size[0] * size[1])
    if not SMALLEST <= share <= LARGEST or area < FULLEST * width * height:
        return None
    return Box(left / size[0], top / size[1], width / size[0], height / size[1])
