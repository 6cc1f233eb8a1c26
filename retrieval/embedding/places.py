"""What each place of a feature map adds to the vector of its picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from retrieval.embedding.pooling import EPSILON, RMAC, QuarterPool, regions
from retrieval.errors import Conflict


def added(pooled: Sequence[tuple[Tensor, nn.Module]], *, projection: nn.Module) -> Tensor:
    """Maps (1, C, h, w) and what pools each -> what each place adds to the raw vector (h, w, D); all places sum to it.

    The places are those of the last map; a place of a larger one counts where it lies. A pooled number is the sum over
    places of their numbers times its slopes there, as average, maximum and GeM double when their maps do (Euler's
    theorem on homogeneous functions). Of the average these slopes are the same whatever the picture, so that the
    division is exact; of the others it holds at this picture only. The lengths that R-MAC divides its regions by count
    as given. The projection is linear; what it shifts by is divided evenly. Raises Conflict (no_places) where there is
    no map.
    """
    last = pooled[-1][0]
    if last.ndim != 4:
        raise Conflict("This encoder ends in layers that know no places.", code="no_places")
    found = [_gathered(_by_place(maps.detach(), pool), last.shape[2:]) for maps, pool in pooled]
    with torch.no_grad():
        parts = torch.cat(found, dim=2)
        shift = projection(torch.zeros_like(parts[:1, 0]))
        vectors: Tensor = projection(parts.flatten(0, 1)) - shift + shift / parts[..., 0].numel()
        return vectors.view(*parts.shape[:2], -1)


def _by_place(maps: Tensor, pool: nn.Module) -> Tensor:
    """What each place of a map (1, C, h, w) adds to the pooled numbers: (h, w, C'), C' 4 C for quarters."""
    maps.requires_grad_()
    if isinstance(pool, QuarterPool):
        with torch.enable_grad():
            quarters = pool(maps[:, :1])[0]
            slopes = torch.stack([torch.autograd.grad(each, maps, retain_graph=True)[0][0, 0] for each in quarters])
        return torch.einsum("chw,qhw->hwcq", maps.detach()[0], slopes).flatten(2)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(_pooled(pool, maps).sum(), maps)
    return (maps.detach() * slope)[0].permute(1, 2, 0)


def _gathered(parts: Tensor, places: Sequence[int]) -> Tensor:
    """The places of a larger map (H, W, C) added up to fewer (h, w, C), each where it lies."""
    for axis, wanted in enumerate(places):
        side = parts.shape[axis]
        where = torch.arange(side, device=parts.device) * wanted // side
        shape = [*parts.shape]
        shape[axis] = wanted
        parts = parts.new_zeros(shape).index_add(axis, where, parts)
    return parts


def _pooled(pooling: nn.Module, maps: Tensor) -> Tensor:
    if not isinstance(pooling, RMAC):
        pooled: Tensor = pooling(maps)
        return pooled
    squares = regions(int(maps.shape[2]), int(maps.shape[3]))
    parts = [maps[:, :, top : top + side, left : left + side].amax(dim=(2, 3)) for top, left, side in squares]
    return torch.stack([part / part.norm(dim=1, keepdim=True).clamp(min=EPSILON).detach() for part in parts]).sum(dim=0)
