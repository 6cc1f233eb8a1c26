"""Structured pruning of MobileNetV2: whole hidden channels go, and those that stay learn to stand in for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from retrieval.embedding import Encoder
from retrieval.errors import InvalidInput

WIDTH_STEP = 8  # vector units work on eight channels at a time
RIDGE = 1e-7  # of the mean variance, added so that the least squares have one solution


@dataclass(frozen=True)
class Block:
    """The layers of an inverted residual: 1x1 to the hidden channels, 3x3 on each of them, 1x1 back."""

    expand: nn.Conv2d
    expand_norm: nn.BatchNorm2d
    depthwise: nn.Conv2d
    depthwise_norm: nn.BatchNorm2d
    activation: nn.Module
    project: nn.Conv2d
    project_norm: nn.BatchNorm2d

    @classmethod
    def of(cls, layer: nn.Module) -> Block:
        """From torchvision's layer."""
        names = ("0.0", "0.1", "1.0", "1.1", "1.2", "2", "3")
        return cls(*(cast(nn.Conv2d, layer.get_submodule(f"conv.{name}")) for name in names))  # type: ignore[arg-type]


class Moments:
    """Running mean (C,) and covariance (C, C) of a block's hidden channels over places and pictures."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.total = torch.zeros(channels, dtype=torch.float64)
        self.products = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, hidden: Tensor) -> None:
        """Take in one batch (N, C, h, w)."""
        rows = hidden.permute(0, 2, 3, 1).reshape(-1, hidden.shape[1])
        self.count += len(rows)
        self.total += rows.sum(dim=0)
        self.products += rows.T @ rows

    @property
    def mean(self) -> Tensor:
        """(C,)"""
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """(C, C)"""
        return self.products / self.count - torch.outer(self.mean, self.mean)


def prune(encoder: Encoder, *, keep: float, pictures: Sequence[Tensor]) -> Encoder:
    """A narrower copy of a MobileNetV2 encoder that keeps about the share ``keep`` of each block's hidden channels.

    ``pictures``: batches float (N, 3, H, W) in 0..1 that show what the channels do. A channel counts as much as its
    spread times the length of its outgoing weights. The weights behind the channels that stay are refitted to the
    block's old output by least squares, as in He, Zhang, Sun: Channel Pruning for Accelerating Very Deep Neural
    Networks (2017). The first block, whose width is the stem's, stays. Raises InvalidInput for another backbone or
    share.
    """
    if encoder.spec.backbone != "mobilenet_v2":
        raise InvalidInput.of("backbone", "Only mobilenet_v2 can be pruned.")
    if not 0 < keep <= 1:
        raise InvalidInput.of("keep", "keep must be above 0 and at most 1.")
    old = blocks(encoder)
    moments = _observe(encoder, old, pictures)
    kept = [_kept(block, seen, keep) for block, seen in zip(old, moments, strict=True)]
    first, last = encoder.spec.widths[:1] or (32,), encoder.spec.part_channels[-1]
    narrow = Encoder(replace(encoder.spec, widths=(*first, *map(len, kept), last)))
    _copy_same_shaped(encoder, narrow)
    for source, target, channels, seen in zip(old, blocks(narrow), kept, moments, strict=True):
        _narrow(source, target, channels, seen)
    return narrow


def blocks(encoder: Encoder) -> list[Block]:
    """The blocks with an expansion, in order: all but the first."""
    layers = list(encoder.backbone.get_submodule("features").children())
    return [Block.of(layer) for layer in layers[2:-1]]


def _observe(encoder: Encoder, found: Sequence[Block], pictures: Sequence[Tensor]) -> list[Moments]:
    moments = [Moments(block.project.in_channels) for block in found]
    with _watched(found, moments), torch.inference_mode():
        for batch in pictures:
            encoder.eval()(batch)
    return moments


@contextmanager
def _watched(found: Sequence[Block], moments: Sequence[Moments]) -> Iterator[None]:
    hooks = [
        block.activation.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.add(output))
        for block, seen in zip(found, moments, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _kept(block: Block, seen: Moments, keep: float) -> Tensor:
    """Numbers of the channels that stay, rising; a multiple of eight of them where there are so many."""
    outgoing = block.project.weight.detach()[:, :, 0, 0].double()
    worth = seen.covariance.diagonal().clamp(min=0).sqrt() * outgoing.norm(dim=0)
    count = max(WIDTH_STEP, round(len(worth) * keep / WIDTH_STEP) * WIDTH_STEP)
    kept: Tensor = worth.argsort(descending=True)[:count].sort().values
    return kept


def _copy_same_shaped(source: Encoder, target: Encoder) -> None:
    given = source.state_dict()
    same = {name: given[name] for name, value in target.state_dict().items() if given[name].shape == value.shape}
    target.load_state_dict(same, strict=False)


@torch.no_grad()
def _narrow(old: Block, new: Block, channels: Tensor, seen: Moments) -> None:
    for name in ("expand", "expand_norm", "depthwise", "depthwise_norm"):
        _select(getattr(old, name), getattr(new, name), channels)
    weights = old.project.weight[:, :, 0, 0].double()
    refitted = _refit(weights, channels, seen.covariance)
    new.project.weight.copy_(refitted[:, :, None, None])
    # What the block gave on average and gives no more: the normalisation behind subtracts a mean and makes up for it.
    lost = weights @ seen.mean - refitted @ seen.mean[channels]
    new.project_norm.load_state_dict(old.project_norm.state_dict())
    cast(Tensor, new.project_norm.running_mean).sub_(lost.float())


def _refit(weights: Tensor, channels: Tensor, covariance: Tensor) -> Tensor:
    """The weights (O, K) of the kept channels that come nearest to what all of them (O, C) gave."""
    own = covariance[channels][:, channels]
    own = own + RIDGE * own.diagonal().mean() * torch.eye(len(own), dtype=own.dtype)
    refitted: Tensor = torch.linalg.solve(own, covariance[channels] @ weights.T)
    return refitted.T


def _select(old: nn.Module, new: nn.Module, channels: Tensor) -> None:
    """Copy the chosen output channels of a convolution or a normalisation."""
    values = {name: value[channels] if value.ndim else value for name, value in old.state_dict().items()}
    new.load_state_dict(values)
