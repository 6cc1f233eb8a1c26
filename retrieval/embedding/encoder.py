"""An encoder: backbone, pooling and projection in a row, from pictures to raw vectors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.embedding import backbones, networks, places, preprocessing, quantization
from retrieval.embedding.pooling import POOLINGS, AveragePool, QuarterPool
from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.projection import PROJECTIONS
from retrieval.embedding.runtime import Runtime, Vectors, encoded
from retrieval.embedding.spec import EncoderSpec
from retrieval.embedding.torch_runtime import TorchRuntime, from_bytes
from retrieval.embedding.undrawn import Undrawn


class Encoder(nn.Module):
    """The network a spec describes, freshly initialised from a fixed seed: two processes get the same numbers.

    Without a seed (None) nothing is drawn (``Undrawn``): for whoever fills all weights.
    ``runtime`` does the work of ``encode``; it is plain torch until a quicker one is put there.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec, *, seed: int | None = 0) -> None:
        super().__init__()
        self.spec = spec
        with torch.random.fork_rng(devices=[]), Undrawn() if seed is None else nullcontext():
            torch.manual_seed(seed or 0)
            self.backbone = networks.build(backbones.get(spec.backbone), widths=spec.widths, fc=spec.pooling == "fc")
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
        return self.pooled((pixels - self.mean) / self.std)

    def pooled(self, normal: Tensor) -> Tensor:
        """Normalised pixels (N, 3, H, W) -> pooled vectors (N, C): of earlier maps as the spec wants, and the last."""
        parts = [pool(maps) for maps, pool in self._pools(normal)]
        return torch.cat(parts, dim=1) if len(parts) > 1 else cast(Tensor, parts[0])

    def encode(self, images: Sequence[Pixels]) -> Vectors:
        """Pictures uint8 (H, W, 3) of any sizes -> raw, not normalised vectors float32 (N, D), in the same order."""
        return encoded(images, spec=self.spec, runtime=self.runtime)

    def places(self, image: Pixels) -> Vectors:
        """A picture uint8 (H, W, 3) -> what each place adds to its raw vector, float32 (h, w, D); they sum to it.

        Always by torch. Raises Conflict (no_places) where the network ends in fully connected layers.
        """
        height, width = image.shape[:2]
        size = preprocessing.target_size(width, height, side=self.spec.image_size, resize=self.spec.resize)
        batch = torch.from_numpy(np.stack([preprocessing.resized(image, size)])).to(self.mean.device)
        with torch.no_grad():
            found = from_bytes(lambda pixels: self._pools((pixels - self.mean) / self.std), batch)
        return places.added(found, projection=self.projection).cpu().numpy()

    def _pools(self, maps: Tensor) -> list[tuple[Tensor, nn.Module]]:
        """Each map that is pooled, and by what, in the order of the vector's parts."""
        spec = self.spec
        if not (spec.levels or spec.quarters):
            return [(self.backbone(maps), self.pooling)]
        found: list[tuple[Tensor, nn.Module]] = []
        for number, stage in enumerate(networks.stages(backbones.get(spec.backbone), self.backbone)):
            maps = stage(maps)
            if number in spec.levels:
                found.append((maps, AveragePool()))
            if number in spec.quarters:
                found.append((maps, QuarterPool()))
        return [*found, (maps, self.pooling)]


def _per_channel(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)
