"""EfficientNet-Lite: inverted bottlenecks without squeeze-and-excitation, padded as TensorFlow pads."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from retrieval.embedding.shapes import LITE_HEAD, LITE_STEM, LiteRow, lite_rows

# Batch normalisation's smallest variance in TensorFlow's checkpoints; torch's own default is a hundredth of it.
EPSILON = 1e-3


class SamePadding(nn.Module):
    """What TensorFlow calls SAME: as many zeros as a strided layer lacks, the odd one at the bottom and the right.

    How many depends on the size of the input, so a traced graph is right for sizes that leave the same rest.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h', w'), to be followed by a convolution that pads nothing."""
        down, right = self.lacking(int(maps.shape[2])), self.lacking(int(maps.shape[3]))
        return functional.pad(maps, (right // 2, right - right // 2, down // 2, down - down // 2))

    def lacking(self, size: int) -> int:
        """Zeros that a side of this length lacks to give ceil(size / stride) places."""
        return max((math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size, 0)


class Block(nn.Module):
    """Expand, filter each channel by itself, project; the input is added where the shape stays the same."""

    def __init__(self, row: LiteRow, channels: int, *, stride: int) -> None:
        super().__init__()
        hidden = channels * row.expansion
        self.expand = rectified(unit(channels, hidden)) if row.expansion > 1 else nn.Identity()
        self.depthwise = rectified(depthwise(hidden, kernel=row.kernel, stride=stride))
        self.project = unit(hidden, row.channels)
        self.skip = stride == 1 and channels == row.channels

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C', h / stride, w / stride)."""
        projected: Tensor = self.project(self.depthwise(self.expand(maps)))
        return maps + projected if self.skip else projected


def unit(channels: int, output: int) -> nn.Sequential:
    """A convolution of single places and its batch normalisation."""
    return normalised(nn.Conv2d(channels, output, 1, bias=False))


def depthwise(channels: int, *, kernel: int, stride: int) -> nn.Sequential:
    """A convolution of each channel by itself and its batch normalisation."""
    padding = kernel // 2 if stride == 1 else 0
    return normalised(nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=False))


def normalised(convolution: nn.Conv2d) -> nn.Sequential:
    """With batch normalisation behind and, when it is strided, padding in front; named 0 and 1 as in the weights."""
    norm = nn.BatchNorm2d(convolution.out_channels, eps=EPSILON)
    layers = OrderedDict[str, nn.Module]({"0": convolution, "1": norm})
    if convolution.stride[0] > 1:
        layers["pad"] = SamePadding(convolution.kernel_size[0], convolution.stride[0])
        layers.move_to_end("pad", last=False)
    return nn.Sequential(layers)


def rectified(layers: nn.Sequential) -> nn.Sequential:
    """With ReLU6 behind."""
    layers.add_module("2", nn.ReLU6(inplace=True))
    return layers


def efficientnet_lite(*, width: float, depth: float) -> nn.Sequential:
    """The network up to its last map: float (N, 3, H, W) -> (N, 1280, h, w); children ``stem``, ``blocks``, ``head``.

    ``width`` and ``depth`` multiply the channels and the repeats of LITE_ROWS as ``lite_rows`` says; stem and head
    stay as they are. The EfficientNet-Lite checkpoints of the tensorflow/tpu repository, with names as here, load as
    they are.
    """
    blocks: list[nn.Module] = []
    channels = LITE_STEM
    for row, stride in lite_rows(width=width, depth=depth):
        blocks.append(Block(row, channels, stride=stride))
        channels = row.channels
    stem = rectified(normalised(nn.Conv2d(3, LITE_STEM, 3, 2, bias=False)))
    head = rectified(unit(channels, LITE_HEAD))
    return nn.Sequential(OrderedDict(stem=stem, blocks=nn.Sequential(*blocks), head=head))
