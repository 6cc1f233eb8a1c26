"""The fixed first stages of an encoder, run by OpenVINO: they learn nothing, so they need not be slow."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.embedding import Encoder, OpenVINORuntime, precisions, tracing


class Stem:
    """Stages 0 to ``count`` - 1 of a backbone: float (N, 3, S, S) in 0..1 -> feature maps, without gradients.

    A graph is converted for each side that comes. In the quickest precision the CPU has, as the encoder will be used.
    """

    def __init__(self, encoder: Encoder, layers: list[nn.Module]) -> None:
        self._network = _Normalised(encoder, layers).eval()
        self._runtimes: dict[int, OpenVINORuntime] = {}
        self.precision = precisions()[0]

    def __call__(self, images: Tensor) -> Tensor:
        """Feature maps float (N, C, h, w)."""
        runtime = self._runtime(images.shape[2])
        parts = [runtime.start(part.numpy())() for part in torch.split(images.contiguous(), runtime.batch)]
        return torch.from_numpy(np.concatenate(parts))

    def _runtime(self, side: int) -> OpenVINORuntime:
        if side not in self._runtimes:
            example = torch.zeros(2, 3, side, side)
            graph = tracing.graph(self._network, example, shape=(-1, 3, side, side))
            self._runtimes[side] = OpenVINORuntime(graph, precision=self.precision)
        return self._runtimes[side]


class _Normalised(nn.Module):
    """The encoder's normalisation and some layers behind it."""

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: Encoder, layers: list[nn.Module]) -> None:
        super().__init__()
        self.register_buffer("mean", encoder.mean)
        self.register_buffer("std", encoder.std)
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.layers((images - self.mean) / self.std))
