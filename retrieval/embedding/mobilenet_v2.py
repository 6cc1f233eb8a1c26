"""MobileNetV2, also with fewer channels. Written here: loading torchvision costs a process two seconds and 70 MB."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from retrieval.embedding.shapes import MOBILENET_BLOCKS, MOBILENET_WIDTHS


class Block(nn.Module):
    """Expand (the first block does not), filter each channel by itself, project; the input is added where it fits."""

    def __init__(self, channels: int, hidden: int, output: int, *, stride: int, expand: bool) -> None:
        super().__init__()
        self.added = stride == 1 and channels == output
        self.conv = nn.Sequential(
            *([_convolution(channels, hidden)] if expand else []),
            _convolution(hidden, hidden, kernel=3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, output, 1, bias=False),
            nn.BatchNorm2d(output),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(N, channels, h, w) -> (N, output, h', w')"""
        made: Tensor = self.conv(maps)
        return maps + made if self.added else made


def mobilenet_v2(widths: Sequence[int] = MOBILENET_WIDTHS) -> nn.Sequential:
    """The network up to its last map, freshly initialised: float (N, 3, H, W) -> (N, widths[-1], H / 32, W / 32).

    ``widths``: 17 hidden widths, one per block, then the width of the last layer. The first block has no expansion, so
    its hidden width is also the stem's. Parameter names are torchvision's, so that its state dicts load as they are.
    """
    *hidden, last = widths
    channels = hidden[0]
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    for position, (width, (output, stride)) in enumerate(zip(hidden, MOBILENET_BLOCKS, strict=True)):
        layers.append(Block(channels, width, output, stride=stride, expand=position > 0))
        channels = output
    layers.append(_convolution(channels, last))
    network = nn.Sequential(OrderedDict(features=nn.Sequential(*layers)))
    if tuple(widths) == MOBILENET_WIDTHS:  # as its authors begin; a narrowed one takes its weights from another
        network.apply(_initialise)
    return network


def _convolution(channels: int, output: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    layer = nn.Conv2d(channels, output, kernel, stride=stride, padding=padding, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(output), nn.ReLU6(inplace=True))


def _initialise(layer: nn.Module) -> None:
    """He et al., Delving Deep into Rectifiers (2015), by the outgoing channels."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out")
