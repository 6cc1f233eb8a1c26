"""A query picture against stored local features: the whole of it first, then what stands out of it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from retrieval.matching import local_features
from retrieval.matching.geometry import Doubles, align, moved, project
from retrieval.matching.local_features import LocalFeatures, Pixels
from retrieval.matching.parts import Box, standing_out
from retrieval.matching.verdict import Judgement, Side, judge

MOST_PARTS = 3
BOX = struct.Struct("<4f")
# How many of the nearest by vector are compared: of the whole query, and of each of its parts.
SHORTLIST, SHORTLIST_OF_A_PART = 60, 10


@dataclass(frozen=True)
class QueryPicture:
    """A query's features: of the whole, and of parts that stand out. ``size`` is the original's, in pixels."""

    size: tuple[int, int]
    whole: LocalFeatures
    parts: tuple[tuple[Box, LocalFeatures], ...]

    @classmethod
    def of(cls, pixels: Pixels, *, size: tuple[int, int], most: int = local_features.ASKED) -> QueryPicture:
        """Look at decoded pixels (H, W, 3); there are more features than are kept of a stored picture."""
        return cls(
            size=size,
            whole=local_features.extract(pixels, most=most),
            parts=tuple(
                (box, local_features.extract(box.cut(pixels), most=most)) for box in standing_out(pixels)[:MOST_PARTS]
            ),
        )

    def packed_parts(self) -> list[bytes]:
        """The parts as they are kept: the box as four floats, then the features."""
        return [BOX.pack(box.x, box.y, box.w, box.h) + local_features.pack(features) for box, features in self.parts]


def unpacked_parts(kept: Iterable[bytes]) -> tuple[tuple[Box, LocalFeatures], ...]:
    """What ``packed_parts`` wrote. Raises RetrievalError (``features_invalid``) for other bytes."""
    return tuple((Box(*BOX.unpack_from(data)), local_features.unpack(data[BOX.size :])) for data in kept)


def compare(query: QueryPicture, result: Side) -> Judgement | None:
    """Say what a stored picture has to do with the query; None when its details tell of nothing in common."""
    alignment = align(query.whole, result.features)
    if alignment:
        return judge(alignment, query=Side(query.whole, query.size), result=result)
    return compare_parts(query, result)


def compare_parts(query: QueryPicture, result: Side) -> Judgement | None:
    """The same where the wholes have nothing in common: what stands out of the query, and the stored picture."""
    for box, features in query.parts:
        alignment = align(features, result.features)
        if alignment:
            change = _into(box, query.whole, part=features)
            points = project(change, features.points).astype(np.float32)
            placed = replace(features, points=points, width=query.whole.width, height=query.whole.height)
            return judge(moved(alignment, change), query=Side(placed, query.size), result=result)
    return None


def _into(box: Box, whole: LocalFeatures, *, part: LocalFeatures) -> Doubles:
    """From the units of a part, its own long side, to those of the whole (3, 3)."""
    wide, high = box.w * whole.width / part.width, box.h * whole.height / part.height
    return np.array([[wide, 0, box.x * whole.width], [0, high, box.y * whole.height], [0, 0, 1]], np.float64)
