"""What a line says: lines straightened for the recogniser, and its probabilities as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from retrieval.reading.detection import Floats, Pixels, Place, network_input

HEIGHT = 48  # pixels of a line
NARROWEST, WIDEST = 16, 2_880
BATCH = 6
LEAST_WIDTH = 320  # of a batch, as the network learned it


@dataclass(frozen=True)
class Said:
    """A line's text, and the mean probability of its characters."""

    text: str
    score: float


def straightened(pixels: Pixels, place: Place) -> Pixels:
    """Cut a place, in pixels, out of uint8 (H, W, 3) as a level line (48, W, 3)."""
    wide, high = place.size
    width = min(WIDEST, max(NARROWEST, math.ceil(HEIGHT * wide / high)))
    target = np.array([[0, 0], [width, 0], [width, HEIGHT], [0, HEIGHT]], np.float32)
    turned = cv2.getPerspectiveTransform(place.corners, target)
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(pixels, turned, (width, HEIGHT), flags=flags, borderMode=border), np.uint8)


def batches(lines: Sequence[Pixels]) -> list[list[int]]:
    """Return the positions of lines in groups of like widths, so that little has to be filled up."""
    order = sorted(range(len(lines)), key=lambda position: lines[position].shape[1])
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]


def together(lines: Sequence[Pixels]) -> Floats:
    """Return lines (48, W, 3) as one batch (N, 3, 48, w), the shorter ones filled up with grey."""
    width = max(LEAST_WIDTH, *(line.shape[1] for line in lines))
    batch = np.zeros((len(lines), 3, HEIGHT, width), np.float32)
    for row, line in zip(batch, lines, strict=True):
        row[:, :, : line.shape[1]] = network_input(line)
    return batch


def said(probabilities: NDArray[np.float32], characters: Sequence[str]) -> Said:
    """Read the probabilities (T, C) of one line: the likeliest class of each step, repeats once, blanks (0) left out.

    Best path decoding of A. Graves and others: Connectionist temporal classification (2006).
    """
    classes = probabilities.argmax(axis=1)
    kept = (classes != 0) & np.concatenate(([True], classes[1:] != classes[:-1]))
    text = "".join(characters[number] for number in classes[kept].tolist())
    return Said(text, float(probabilities.max(axis=1)[kept].mean()) if kept.any() else 0.0)
