"""What runs a network: the contract of a runtime, and the way from pictures of any size through one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding import preprocessing
from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.spec import EncoderSpec

Vectors = NDArray[np.float32]


class Runtime(Protocol):
    """Runs batches of pictures of one size; safe to call from several threads."""

    batch: int  # so many pictures at once are as quick as it gets

    @property
    def name(self) -> str:
        """What it is, for people and logs."""

    def start(self, batch: Pixels) -> Callable[[], Vectors]:
        """Begin with uint8 (N, H, W, 3); the returned function waits for the raw vectors float32 (N, D)."""


def encoded(images: Sequence[Pixels], *, spec: EncoderSpec, runtime: Runtime) -> Vectors:
    """Pictures uint8 (H, W, 3) of any sizes -> raw, not normalised vectors float32 (N, D), in the same order."""
    vectors = np.empty((len(images), spec.dimension), dtype=np.float32)
    running: tuple[list[int], Callable[[], Vectors]] | None = None
    for positions, size in preprocessing.batches(images, side=spec.image_size, resize=spec.resize, most=runtime.batch):
        batch = np.stack([preprocessing.resized(images[position], size) for position in positions])
        if running is not None:  # it ran while this batch was resized
            vectors[running[0]] = running[1]()
        running = positions, runtime.start(batch)
    if running is not None:
        vectors[running[0]] = running[1]()
    return vectors
