"""Random views of a batch of pictures: one geometric resampling, then changes of light, colour and sharpness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.training.config import AugmentConfig

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def augment(pixels: Tensor, config: AugmentConfig, *, size: int, generator: torch.Generator) -> Tensor:
    """One random view of each picture: uint8 (N, H, W, 3) -> float (N, 3, size, size) in 0..1.

    Crop, stretch, rotation and flip are one bilinear resampling, so that a picture is blurred only once. All draws come
    from ``generator``: the same seed gives the same views.
    """
    images = pixels.permute(0, 3, 1, 2).float().div_(255)
    draw = Draw(len(images), generator)
    images = _resample(images, _transforms(config, draw), size)
    images = _recolour(images, config, draw)
    if config.blur:
        images = _blur(images, draw.uniform(0, config.blur))
    if config.erase:
        images = _erase(images, config.erase, draw)
    return images


def plain(pixels: Tensor, *, size: int) -> Tensor:
    """The unchanged view used for measuring: uint8 (N, H, W, 3) -> float (N, 3, size, size) in 0..1."""
    images = pixels.permute(0, 3, 1, 2).float().div_(255)
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)


def mixup(images: Tensor, *, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Blend each picture with another: (mixed (N, ...), partner (N,), share kept (N,)).

    Zhang et al.: mixup (2018). The share is Beta(alpha, alpha), folded to at least one half, so that the picture itself
    stays the larger part.
    """
    gamma = torch._standard_gamma(torch.full((2, len(images)), alpha), generator=generator)
    share = gamma[0] / gamma.sum(dim=0).clamp(min=1e-12)
    share = torch.maximum(share, 1 - share)
    partner = torch.randperm(len(images), generator=generator)
    weight = share.view(-1, 1, 1, 1)
    return images * weight + images[partner] * (1 - weight), partner, share


@dataclass(frozen=True)
class Draw:
    """Independent draws for each of ``count`` pictures."""

    count: int
    generator: torch.Generator

    def uniform(self, low: float, high: float) -> Tensor:
        """(N,) uniform numbers from ``low`` to ``high``."""
        return torch.rand(self.count, generator=self.generator) * (high - low) + low

    def chance(self, probability: float) -> Tensor:
        """(N,) booleans, true with that probability."""
        return torch.rand(self.count, generator=self.generator) < probability


def _transforms(config: AugmentConfig, draw: Draw) -> Tensor:
    """Matrices (N, 2, 3) from places in the view to places in the picture, both in -1..1."""
    area = draw.uniform(config.smallest_crop, 1)
    stretch = torch.exp(draw.uniform(-1, 1) * math.log(config.stretch) / 2)
    width = (area.sqrt() * stretch).clamp(max=1)
    height = (area.sqrt() / stretch).clamp(max=1)
    angle = draw.uniform(-1, 1) * math.radians(config.rotation)
    mirror = 1 - 2 * draw.chance(config.flip).float()
    left = draw.uniform(-1, 1) * (1 - width)
    top = draw.uniform(-1, 1) * (1 - height)
    across = torch.stack([width * mirror * angle.cos(), -height * angle.sin(), left], dim=1)
    down = torch.stack([width * mirror * angle.sin(), height * angle.cos(), top], dim=1)
    return torch.stack([across, down], dim=1)


def _resample(images: Tensor, matrices: Tensor, size: int) -> Tensor:
    grid = F.affine_grid(matrices, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recolour(images: Tensor, config: AugmentConfig, draw: Draw) -> Tensor:
    """Brightness (a factor), contrast (about the mean), colour (a factor a channel), and now and then grey."""
    if config.brightness:
        images = images * _factor(config.brightness, draw)
    if config.contrast:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = (images - mean) * _factor(config.contrast, draw) + mean
    if config.colour:
        channels = torch.cat([_factor(config.colour, draw) for _ in range(3)], dim=1)
        images = images * channels
    if config.grey:
        grey = (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        images = torch.where(draw.chance(config.grey).view(-1, 1, 1, 1), grey.expand_as(images), images)
    return images.clamp(0, 1)


def _factor(most: float, draw: Draw) -> Tensor:
    return draw.uniform(1 - most, 1 + most).view(-1, 1, 1, 1)


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of its own sigma (N,) for each picture, as two passes of seven taps."""
    taps = torch.arange(-3, 4, dtype=images.dtype)
    kernel = torch.exp(-taps.square() / (2 * sigma.clamp(min=1e-3).square().unsqueeze(1)))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
    count, _, height, width = images.shape
    flat = images.reshape(1, count * 3, height, width)
    flat = F.conv2d(F.pad(flat, (3, 3, 0, 0), mode="reflect"), kernel.view(-1, 1, 1, 7), groups=count * 3)
    flat = F.conv2d(F.pad(flat, (0, 0, 3, 3), mode="reflect"), kernel.view(-1, 1, 7, 1), groups=count * 3)
    return flat.view(count, 3, height, width)


def _erase(images: Tensor, probability: float, draw: Draw) -> Tensor:
    """Paint a rectangle of 2 to 20 % of the area in mid grey. Zhong et al.: Random Erasing (2020)."""
    size = images.shape[2]
    side = draw.uniform(0.02, 0.2).sqrt() * size
    shape = torch.exp(draw.uniform(-0.5, 0.5))
    height, width = (side * shape).clamp(max=size), (side / shape).clamp(max=size)
    top, left = draw.uniform(0, 1) * (size - height), draw.uniform(0, 1) * (size - width)
    line = torch.arange(size).unsqueeze(0)
    rows = (line >= top.unsqueeze(1)) & (line < (top + height).unsqueeze(1))
    columns = (line >= left.unsqueeze(1)) & (line < (left + width).unsqueeze(1))
    hit = rows.unsqueeze(2) & columns.unsqueeze(1) & draw.chance(probability).view(-1, 1, 1)
    return images.masked_fill(hit.unsqueeze(1), 0.5)
