"""Where the scenes of a video begin: looks at it are told apart by how their colours are spread over the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

# A look is a square of so many pixels, of 4 x 4 blocks and 4 levels of red, green and blue each.
SIDE, BLOCKS, LEVELS = 64, 4, 4
COLOURS = LEVELS**3
CHANGED, PLAIN = 0.3, 0.98

Spread = NDArray[np.float32]


def spread(look: NDArray[np.uint8]) -> Spread:
    """How many of each block's pixels have each colour: uint8 (64, 64, 3) -> shares (16, 64), of each block 1 in all.

    Blocks and the two upper bits of each channel are those of Nagasaka and Tanaka, "Automatic video indexing and
    full-video search for object appearances", Visual Database Systems II (1992).
    """
    levels = look >> 6
    colours = levels[..., 0].astype(np.intp) * 16 + levels[..., 1] * 4 + levels[..., 2]
    size = SIDE // BLOCKS
    blocks = colours.reshape(BLOCKS, size, BLOCKS, size).swapaxes(1, 2).reshape(BLOCKS * BLOCKS, -1)
    counts = [np.bincount(block, minlength=COLOURS) for block in blocks]
    return (np.array(counts) / (size * size)).astype(np.float32)


def distance(one: Spread, other: Spread) -> float:
    """Half the sum of absolute differences, on average of the blocks: 0 for the same spread, 1 for no common colour.

    The difference of histograms in Zhang, Kankanhalli and Smoliar, "Automatic partitioning of full-motion video",
    Multimedia Systems 1 (1993).
    """
    return float(np.abs(one - other).sum(axis=1).mean() / 2)


def is_plain(one: Spread) -> bool:
    """Whether this is next to one colour, as before a fade: it stands for nothing."""
    return bool(one.mean(axis=0).max() >= PLAIN)


def beginnings(looks: Iterable[tuple[float, NDArray[np.uint8]]]) -> Iterator[tuple[float, float]]:
    """Yield the second in which each scene begins, and by how much it differs from the one before (1 for the first).

    A scene lasts until a look differs from its first one: a slow change ends it as well as a cut. Plain looks begin
    none; where all are plain, the first is yielded at the end.
    """
    first: float | None = None
    scene: Spread | None = None
    for second, look in looks:
        first = second if first is None else first
        found = spread(look)
        if is_plain(found):
            continue
        changed = 1.0 if scene is None else distance(scene, found)
        if changed > CHANGED:
            scene = found
            yield second, changed
    if scene is None and first is not None:
        yield first, 1.0


def strongest(found: Iterable[tuple[float, float]], *, most: int) -> tuple[float, ...]:
    """The seconds of the first scene and of those that differ most from the one before, in order of time."""
    every = list(found)
    kept = sorted(every[1:], key=lambda each: (-each[1], each[0]))[: most - 1]
    return tuple(sorted(second for second, _ in (*every[:1], *kept)))
