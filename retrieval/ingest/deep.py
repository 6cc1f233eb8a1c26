"""Bring samples of more than 8 bits to 8: find the range that the picture uses, and show that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
Window = tuple[float, float]

# What instruments and programs count to: 8 to 16, 24 and 32 bits; floats go to 1, or to where 8 or 16 bits go.
INTEGER_TOPS = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16, 24, 32))
FLOAT_TOPS = (1.0, 255.0, 65_535.0)
# A few dead or hot pixels are no part of the range.
PERCENT = (0.1, 99.9)
# A picture that uses at least so much of a known range is shown in that range, so that dark stays dark.
MOST_OF_IT = 0.5
LOOKED_AT = 1_000_000
BLOCK = 256


@dataclass(frozen=True)
class Depth:
    """What a file says of its samples: where they begin and end, which value stands for nothing, white as zero."""

    bottom: float = 0.0
    top: float | None = None
    empty: float | None = None
    white_is_zero: bool = False


PLAIN = Depth()


def to_bytes(samples: Samples, depth: Depth = PLAIN) -> NDArray[np.uint8]:
    """Scale samples of any type, (H, W) or (H, W, colours), to 0..255; what is no number is shown black."""
    low, high = window(samples, depth)
    if samples.dtype.kind == "u" and samples.dtype.itemsize <= 2:
        table = _scaled(np.arange(2 ** (8 * samples.dtype.itemsize)), low, high)
        shown = table[samples]
    else:
        shown = np.empty(samples.shape, np.uint8)
        for at in range(0, len(samples), BLOCK):
            shown[at : at + BLOCK] = _scaled(samples[at : at + BLOCK], low, high)
    shown = 255 - shown if depth.white_is_zero else shown
    if depth.empty is not None:
        shown[samples == depth.empty] = 0
    return np.asarray(shown, np.uint8)


def window(samples: Samples, depth: Depth = PLAIN) -> Window:
    """The values that are shown black and white.

    The range that the file declares, or the narrowest that is in use anywhere, when the picture fills most of it; else
    its own range, a few outliers left out. Colours keep such a range even where they fill little of it.
    """
    some = _finite(_some(samples), depth)
    if not some.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(some, PERCENT))
    if low == high:
        every = _finite(samples, depth)
        low, high = float(every.min()), float(every.max())
    for bottom, top in _ranges(samples.dtype, depth):
        if bottom <= low and high <= top:
            if low == high or samples.ndim > 2 or high - low >= MOST_OF_IT * (top - bottom):
                return bottom, top
            break
    return (low, high) if low < high else (min(low, 0.0), max(high, 1.0))


def _ranges(kind: np.dtype[Any], depth: Depth) -> Iterator[Window]:
    if depth.top is not None and depth.bottom < depth.top:
        yield depth.bottom, depth.top
    for top in FLOAT_TOPS if kind.kind == "f" else INTEGER_TOPS:
        yield 0.0, top


def _some(samples: Samples) -> Samples:
    """About a million of the samples, evenly spread."""
    step = max(1, round((samples.size / LOOKED_AT) ** 0.5))
    return samples[::step, ::step]


def _finite(samples: Samples, depth: Depth) -> Samples:
    kept = np.isfinite(samples)
    if depth.empty is not None:
        kept &= samples != depth.empty
    return samples[kept]


def _scaled(samples: Samples, low: float, high: float) -> NDArray[np.uint8]:
    values = np.nan_to_num(samples.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.asarray(np.rint(np.clip((values - low) * (255 / (high - low)), 0, 255)), np.uint8)
