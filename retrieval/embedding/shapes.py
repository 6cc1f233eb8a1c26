"""How deep and wide the networks written here are, as their papers say: numbers, so that a spec needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Table 2 of Sandler et al., MobileNetV2 (2018), one row per block: output channels and stride.
MOBILENET_BLOCKS = (
    (16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1),
    (64, 1), (96, 1), (96, 1), (96, 1), (160, 2), (160, 1), (160, 1), (320, 1),
)  # fmt: skip
_STEM, _HEAD, _EXPANSION = 32, 1280, 6
# Hidden channels of each block, the first of which has no expansion, and the width of the last layer.
MOBILENET_WIDTHS = (_STEM, *(_EXPANSION * channels for channels, _ in ((16, 1), *MOBILENET_BLOCKS[1:-1])), _HEAD)
# The channels behind the stem, each block and the head.
MOBILENET_CHANNELS = (_STEM, *(channels for channels, _ in MOBILENET_BLOCKS), _HEAD)

LITE_STEM, LITE_HEAD = 32, 1280


@dataclass(frozen=True)
class LiteRow:
    """Blocks of one kind, ``expansion`` times as wide inside and ``channels`` out; the first has the ``stride``."""

    kernel: int
    repeats: int
    stride: int
    expansion: int
    channels: int


# Table 1 of Tan, Le: EfficientNet (2019).
LITE_ROWS = (
    LiteRow(3, 1, 1, 1, 16), LiteRow(3, 2, 2, 6, 24), LiteRow(5, 2, 2, 6, 40), LiteRow(3, 3, 2, 6, 80),
    LiteRow(5, 3, 1, 6, 112), LiteRow(5, 4, 2, 6, 192), LiteRow(3, 1, 1, 6, 320),
)  # fmt: skip


def lite_rows(*, width: float, depth: float) -> list[tuple[LiteRow, int]]:
    """Each block's row, its channels multiplied by ``width`` and its repeats by ``depth``, and the block's stride.

    The number of blocks in the first and the last row stays as it is.
    """
    found = []
    for position, row in enumerate(LITE_ROWS):
        fixed = position in (0, len(LITE_ROWS) - 1)
        wide = replace(row, channels=scaled(row.channels, width))
        repeats = row.repeats if fixed else math.ceil(row.repeats * depth)
        found += [(wide, 1 if turn else row.stride) for turn in range(repeats)]
    return found


def lite_channels(*, width: float, depth: float) -> tuple[int, ...]:
    """The channels behind the stem, each block and the head."""
    return (LITE_STEM, *(row.channels for row, _ in lite_rows(width=width, depth=depth)), LITE_HEAD)


def scaled(channels: int, width: float) -> int:
    """Channels times ``width``, to the nearest 8, but no less than 90 % of it."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded
