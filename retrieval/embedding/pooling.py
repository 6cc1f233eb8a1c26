"""From a feature map (N, C, h, w) to one vector (N, C) a picture: average, maximum, GeM and R-MAC."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
RMAC_LEVELS = 3
RMAC_OVERLAP = 0.4


class AveragePool(nn.Module):
    """The mean over all places."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C)."""
        return maps.mean(dim=(2, 3))


class QuarterPool(nn.Module):
    """The mean over each quarter of the places: what is seen where. On odd sides quarters share the middle."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, 4 C): a channel's quarters beside each other, by rows."""
        return functional.adaptive_avg_pool2d(maps, 2).flatten(1)


class MaxPool(nn.Module):
    """The largest value over all places (MAC)."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C)."""
        return maps.amax(dim=(2, 3))


class GeM(nn.Module):
    """Generalised mean with a learnable power p: 1 is the average, infinity the maximum.

    Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No Human Annotation (2018), equation 3.
    """

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([p]))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C); values below a tiny positive one count as that."""
        return maps.clamp(min=EPSILON).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


class RMAC(nn.Module):
    """Sum of the unit-length maxima of square regions at three scales.

    Tolias, Sicre, Jegou: Particular object retrieval with integral max-pooling of CNN activations (2016), section 3.2,
    without the whitening of the single regions.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C)."""
        height, width = int(maps.shape[2]), int(maps.shape[3])
        total = maps.new_zeros(maps.shape[:2])
        for top, left, side in regions(height, width):
            part = maps[:, :, top : top + side, left : left + side].amax(dim=(2, 3))
            total = total + functional.normalize(part, dim=1, eps=EPSILON)
        return total


def regions(height: int, width: int, *, levels: int = RMAC_LEVELS) -> list[tuple[int, int, int]]:
    """The squares (top, left, side) of R-MAC on a map of height x width places.

    At scale l the side is 2 min(h, w) / (l + 1); l squares lie along the shorter side and l + m - 1 along the longer,
    evenly spread, with m such that neighbours of the first scale overlap by about 40 %.
    """
    short = min(height, width)
    extra = _along_longer(short, max(height, width)) - 1
    found = []
    for level in range(1, levels + 1):
        side = max(1, 2 * short // (level + 1))
        tops = _spread(height, side, level + (extra if height > width else 0))
        lefts = _spread(width, side, level + (extra if width > height else 0))
        found += [(top, left, side) for top, left in product(tops, lefts)]
    return list(dict.fromkeys(found))  # on a tiny map the scales coincide


def _along_longer(short: int, long: int) -> int:
    """How many short x short squares along the longer side overlap by nearest to 40 %."""
    if short == long:
        return 1
    return min(range(2, 8), key=lambda count: abs(1 - (long - short) / (count - 1) / short - RMAC_OVERLAP))


def _spread(length: int, side: int, count: int) -> list[int]:
    """``count`` starts between 0 and length - side, evenly spread, repeated ones dropped; 1 is in the middle."""
    if count == 1:
        return [(length - side) // 2]
    return sorted({(length - side) * index // (count - 1) for index in range(count)})


# "fc" is a backbone that already ends in a vector: its last hidden fully connected layer, or its only one.
POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "avg": AveragePool,
    "max": MaxPool,
    "gem": GeM,
    "rmac": RMAC,
    "fc": nn.Identity,
}
