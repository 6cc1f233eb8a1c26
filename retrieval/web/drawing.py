"""What is drawn over two pictures that are compared: the outline of what they share, and light on what counts."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from retrieval.ingest import Region
from retrieval.models import Image
from retrieval.services.searching.why import Why

Point = tuple[float, float]

WHOLE = Region(0.0, 0.0, 1.0, 1.0)
DARKEST = 0.75  # what adds nothing to the likeness; what adds most is left as it is
SLOPE = 0.6  # below 1: what adds half as much as the most is still well seen
THIRDS = 3


@dataclass(frozen=True)
class Side:
    """One picture with its drawings, in units of its own pixels.

    ``image`` is None for a picture that was sent along. ``light`` is a ``data:`` address to be laid on ``box``
    (x, y, width, height), empty without an overlay. ``outline`` are the points of a polygon, empty where nothing is
    shared; ``reach`` is its extent in per cent (left, right, top, bottom). ``place`` is the third of the rows and of
    the columns (0, 1, 2) that adds most, None without an overlay.
    """

    image: Image | None
    width: int
    height: int
    box: tuple[float, float, float, float]
    light: str
    outline: str
    reach: tuple[int, int, int, int] | None
    place: tuple[int, int] | None

    @property
    def part(self) -> bool:
        """Whether only a part of it is compared."""
        return self.box != (0.0, 0.0, float(self.width), float(self.height))


def sides(found: Why) -> tuple[Side, Side]:
    """Draw both: the query first."""
    judgement, overlay = found.judgement, found.overlay
    query = _side(
        found.query, found.size, found.region or WHOLE,
        outline=judgement.query_outline if judgement else (), shares=overlay.query if overlay else None,
    )  # fmt: skip
    image = found.image
    result = _side(
        image, (image.width, image.height), WHOLE,
        outline=judgement.outline if judgement else (), shares=overlay.result if overlay else None,
    )  # fmt: skip
    return query, result


def _side(
    image: Image | None, size: tuple[int, int], region: Region, *, outline: Sequence[Point],
    shares: NDArray[np.float64] | None,
) -> Side:  # fmt: skip
    placed = [(region.x + x * region.w, region.y + y * region.h) for x, y in outline]
    width, height = size
    return Side(
        image, width, height,
        box=(region.x * width, region.y * height, region.w * width, region.h * height),
        light="" if shares is None else light(shares),
        outline=" ".join(f"{x * width:.1f},{y * height:.1f}" for x, y in placed),
        reach=_reach(placed),
        place=None if shares is None else brightest(shares),
    )  # fmt: skip


def light(shares: NDArray[np.float64]) -> str:
    """A ``data:`` address of black, the thinner the more a place adds: what takes away or adds nothing is darkest."""
    most = max(float(shares.max()), float(np.finfo(np.float32).tiny))
    veil = np.round(255 * DARKEST * (1 - np.clip(shares / most, 0, 1) ** SLOPE)).astype(np.uint8)
    data = io.BytesIO()
    Pillow.fromarray(np.stack([np.zeros_like(veil), veil], axis=-1), "LA").save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def brightest(shares: NDArray[np.float64]) -> tuple[int, int]:
    """The third of the rows and of the columns, each 0 to 2, where the middle of what adds to the likeness lies."""
    weights = np.clip(shares, 0, None)
    total = float(weights.sum()) or 1.0
    return _third(weights.sum(axis=1) / total), _third(weights.sum(axis=0) / total)


def _third(weights: NDArray[np.float64]) -> int:
    """The third, 0 to 2, of a line of places where their middle lies by weights (n,) that sum to 1."""
    middle = float(weights @ (np.arange(len(weights)) + 0.5)) / len(weights)
    return min(int(THIRDS * middle), THIRDS - 1)


def _reach(points: Sequence[Point]) -> tuple[int, int, int, int] | None:
    if not points:
        return None
    xs, ys = zip(*points, strict=True)
    left, right, top, bottom = (round(100 * value) for value in (min(xs), max(xs), min(ys), max(ys)))
    return left, right, top, bottom
