"""What runs the network: the contract of a runtime, and torch, the reference that every other one is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.embedding.preprocessing import Pixels

Vectors = NDArray[np.float32]
Found = TypeVar("Found")


class Runtime(Protocol):
    """Runs batches of pictures of one size; safe to call from several threads."""

    batch: int  # so many pictures at once are as quick as it gets

    @property
    def name(self) -> str:
        """What it is, for people and logs."""

    def start(self, batch: Pixels) -> Callable[[], Vectors]:
        """Begin with uint8 (N, H, W, 3); the returned function waits for the raw vectors float32 (N, D)."""


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
