"""Networks in whole numbers: weights of 8 bits with a scale for each output channel, activations of 8 static bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHT_LEVELS, INPUT_LEVELS = 127, 255


class QuantizedConv2d(nn.Module):
    """A convolution whose weights and inputs are rounded to 8 bits; it has to be filled or loaded, never guessed.

    weights: w ~ scale[channel] * q with q from -127 to 127; inputs: x ~ step * (q - zero) with q from 0 to 255. Torch
    computes with the rounded values in floating point; OpenVINO runs the same graph in whole numbers. Jacob et al.,
    Quantization and training of neural networks for efficient integer-arithmetic-only inference (2018).
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None
    step: Tensor
    zero: Tensor

    def __init__(self, like: nn.Conv2d) -> None:
        super().__init__()
        self.geometry = {name: getattr(like, name) for name in ("stride", "padding", "dilation", "groups")}
        self.register_buffer("weight", torch.zeros(like.weight.shape, dtype=torch.int8))
        self.register_buffer("scale", torch.full((like.out_channels,), torch.nan))
        self.register_buffer("bias", None if like.bias is None else torch.zeros(like.out_channels))
        self.register_buffer("step", torch.tensor(torch.nan))
        self.register_buffer("zero", torch.tensor(0, dtype=torch.int32))

    @torch.no_grad()
    def fill(self, source: nn.Conv2d, *, low: float, high: float) -> None:
        """Take over a convolution's weights, and the range of its inputs; zero is always within it, and exact."""
        self.scale.copy_((source.weight.abs().amax(dim=(1, 2, 3)) / WEIGHT_LEVELS).clamp(min=1e-12))
        self.weight.copy_((source.weight / self.scale.view(-1, 1, 1, 1)).round())
        if self.bias is not None and source.bias is not None:
            self.bias.copy_(source.bias)
        low, high = min(low, 0.0), max(high, 0.0)
        step = max(high - low, 1e-12) / INPUT_LEVELS
        self.step.fill_(step)
        self.zero.fill_(round(-low / step))

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution it stands for."""
        rounded = torch.fake_quantize_per_tensor_affine(x, self.step, self.zero, 0, INPUT_LEVELS)
        weight = self.weight.to(x.dtype) * self.scale.view(-1, 1, 1, 1)
        return functional.conv2d(rounded, weight, self.bias, **self.geometry)


def prepare(network: nn.Module) -> None:
    """Put an empty quantised convolution in the place of every convolution."""
    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(network, name, QuantizedConv2d(child))
        else:
            prepare(child)
