"""What each place of a feature map adds to the vector of its picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retrieval.embedding.pooling import EPSILON, RMAC, regions
from retrieval.errors import Conflict


def added(maps: Tensor, *, pooling: nn.Module, projection: nn.Module) -> Tensor:
    """A feature map (1, C, h, w) -> what each place adds to the raw vector (h, w, D); all places sum to it.

    A pooled number is the sum over places of their numbers times its slopes there, as average, maximum and GeM double
    when their maps do (Euler's theorem on homogeneous functions). Of the average these slopes are the same whatever
    the picture, so that the division is exact; of the others it holds at this picture only. The lengths that R-MAC
    divides its regions by count as given. The projection is linear; what it shifts by is divided evenly. Raises
    Conflict (no_places) where there is no map.
    """
    if maps.ndim != 4:
        raise Conflict("This encoder ends in layers that know no places.", code="no_places")
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(_pooled(pooling, maps).sum(), maps)
    with torch.no_grad():
        parts = (maps * slopes)[0].permute(1, 2, 0)
        shift = projection(torch.zeros_like(parts[:1, 0]))
        found: Tensor = projection(parts.flatten(0, 1)) - shift + shift / parts[..., 0].numel()
        return found.view(*parts.shape[:2], -1)


def _pooled(pooling: nn.Module, maps: Tensor) -> Tensor:
    if not isinstance(pooling, RMAC):
        pooled: Tensor = pooling(maps)
        return pooled
    squares = regions(int(maps.shape[2]), int(maps.shape[3]))
    parts = [maps[:, :, top : top + side, left : left + side].amax(dim=(2, 3)) for top, left, side in squares]
    return torch.stack([part / part.norm(dim=1, keepdim=True).clamp(min=EPSILON).detach() for part in parts]).sum(dim=0)
