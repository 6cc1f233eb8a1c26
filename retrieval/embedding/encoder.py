"""An encoder: backbone, pooling and projection in a row, from pictures to raw vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.embedding import backbones, preprocessing, quantization
from retrieval.embedding.pooling import POOLINGS
from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.projection import PROJECTIONS
from retrieval.embedding.runtime import Runtime, TorchRuntime, Vectors
from retrieval.embedding.spec import EncoderSpec


class Encoder(nn.Module):
    """The network a spec describes, freshly initialised from a fixed seed: two processes get the same numbers.

    ``runtime`` does the work of ``encode``; it is plain torch until a quicker one is put there.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec, *, seed: int = 0) -> None:
        super().__init__()
        self.spec = spec
        entry = backbones.get(spec.backbone)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.backbone = entry.build(widths=spec.widths, fc=spec.pooling == "fc")
            self.pooling = POOLINGS[spec.pooling]()
            self.projection = PROJECTIONS[spec.projection](spec.channels, spec.dimension)
        if spec.precision == "int8":
            quantization.prepare(self.backbone)
        self.register_buffer("mean", _per_channel(spec.normalisation.mean), persistent=False)
        self.register_buffer("std", _per_channel(spec.normalisation.std), persistent=False)
        self.runtime: Runtime = TorchRuntime(self)
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Float pixels in 0..1, (N, 3, H, W), not yet normalised -> raw vectors (N, D)."""
        vectors: Tensor = self.projection(self.features(pixels))
        return vectors

    def features(self, pixels: Tensor) -> Tensor:
        """Float pixels in 0..1, (N, 3, H, W), not yet normalised -> pooled vectors (N, C), before the projection."""
        pooled: Tensor = self.pooling(self.backbone((pixels - self.mean) / self.std))
        return pooled

    def encode(self, images: Sequence[Pixels]) -> Vectors:
        """Pictures uint8 (H, W, 3) of any sizes -> raw, not normalised vectors float32 (N, D), in the same order."""
        vectors = np.empty((len(images), self.spec.dimension), dtype=np.float32)
        running: tuple[list[int], Callable[[], Vectors]] | None = None
        side, resize = self.spec.image_size, self.spec.resize
        for positions, size in preprocessing.batches(images, side=side, resize=resize, most=self.runtime.batch):
            batch = np.stack([preprocessing.resized(images[position], size) for position in positions])
            if running is not None:  # it ran while this batch was resized
                vectors[running[0]] = running[1]()
            running = positions, self.runtime.start(batch)
        if running is not None:
            vectors[running[0]] = running[1]()
        return vectors


def _per_channel(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)
