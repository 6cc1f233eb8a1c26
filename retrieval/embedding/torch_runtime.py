"""Torch as it is: the reference that every other runtime is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.runtime import Vectors

Found = TypeVar("Found")


def from_bytes(network: Callable[[Tensor], Found], batch: Tensor) -> Found:
    """Run a network that takes float (N, 3, H, W) in 0..1 on uint8 (N, H, W, 3)."""
    return network(batch.permute(0, 3, 1, 2).float() / 255)


class TorchRuntime:
    """The network as it is, on the device that its parameters are on."""

    batch = 32

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @property
    def name(self) -> str:
        """``torch-`` and the device."""
        return f"torch-{self._device.type}"

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def start(self, batch: Pixels) -> Callable[[], Vectors]:
        """As the contract says; always as in evaluation, also while training."""
        training = self.network.training
        self.network.train(False)
        try:
            with torch.inference_mode():
                vectors = from_bytes(self.network, torch.from_numpy(batch).to(self._device))
        finally:
            self.network.train(training)
        return lambda: vectors.float().cpu().numpy()
