"""From decoded pictures of any size to uint8 batches of the encoder's input size; normalising is the network's part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

# Every backbone halves its input five times: sides in this step leave nothing over, and keep the number of different
# shapes (each costs a compilation) small.
STEP = 32
LONGEST = 4  # times the nominal side; a longer strip is squeezed


def target_size(width: int, height: int, *, side: int, resize: str) -> tuple[int, int]:
    """The (width, height) a picture is resized to.

    ``fixed``: side x side. ``aspect``: about as many pixels as that, in the picture's own shape to the nearest 32.
    """
    if resize == "fixed":
        return side, side
    root = (width / height) ** 0.5
    return _stepped(side * root, side), _stepped(side / root, side)


def _stepped(length: float, side: int) -> int:
    return int(min(max(round(length / STEP), 1) * STEP, side * LONGEST))


def resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (H, W, 3) to ``size`` = (width, height), bilinear with antialiasing; raises ValueError otherwise."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    # torch's kernel for bytes gives the same within one level in a third of the time, but costs a process three seconds
    # and 220 MB before its first picture.
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def batches(
    pictures: Sequence[Pixels], *, side: int, resize: str, most: int
) -> list[tuple[list[int], tuple[int, int]]]:
    """Group pictures into batches of one size: (their positions, (width, height)), at most ``most`` in each."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, picture in enumerate(pictures):
        groups[target_size(picture.shape[1], picture.shape[0], side=side, resize=resize)].append(position)
    return [
        (positions[start : start + most], size)
        for size, positions in groups.items()
        for start in range(0, len(positions), most)
    ]
