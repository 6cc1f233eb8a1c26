"""What runs the network: torch, the reference, or OpenVINO, many times quicker on a CPU."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.embedding.preprocessing import Pixels


class Runtime(Protocol):
    """Runs batches of pictures of one size; safe to call from several threads."""

    name: str
    batch: int  # as many pictures as are worth giving at once

    def vectors(self, batch: Pixels) -> NDArray[np.float32]:
        """uint8 (N, H, W, 3) -> raw vectors float32 (N, D)."""


def from_bytes(network: nn.Module, batch: Tensor) -> Tensor:
    """Run a network that takes float (N, 3, H, W) in 0..1 on uint8 (N, H, W, 3)."""
    vectors: Tensor = network(batch.permute(0, 3, 1, 2).float() / 255)
    return vectors


class TorchRuntime:
    """The network as it is, on the device its parameters are on."""

    name = "torch"
    batch = 32

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def vectors(self, batch: Pixels) -> NDArray[np.float32]:
        """uint8 (N, H, W, 3) -> raw vectors float32 (N, D); always as in evaluation, also while training."""
        training = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                device = next(self.network.parameters()).device
                vectors = from_bytes(self.network, torch.from_numpy(batch).to(device))
        finally:
            self.network.train(training)
        return vectors.float().cpu().numpy()
