"""An encoder as its kept graph alone: what serving needs, in a process that never loads torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.runtime import Runtime, Vectors, encoded
from retrieval.embedding.spec import EncoderSpec


class LiveEncoder(Protocol):
    """What makes vectors of pictures: a network in torch, or its graph."""

    spec: EncoderSpec
    runtime: Runtime

    def encode(self, images: Sequence[Pixels]) -> Vectors:
        """Pictures uint8 (H, W, 3) of any sizes -> raw, not normalised vectors float32 (N, D), in the same order."""

    def places(self, image: Pixels) -> Vectors:
        """A picture uint8 (H, W, 3) -> what each place adds to its raw vector, float32 (h, w, D); they sum to it."""


class GraphEncoder:
    """A spec and what runs its graph; ``network`` makes the same encoder in torch, for the little that needs one."""

    def __init__(self, spec: EncoderSpec, runtime: Runtime, *, network: Callable[[], LiveEncoder]) -> None:
        self.spec = spec
        self.runtime = runtime
        self._make = network

    @cached_property
    def _network(self) -> LiveEncoder:
        return self._make()

    def encode(self, images: Sequence[Pixels]) -> Vectors:
        """As ``LiveEncoder`` says."""
        return encoded(images, spec=self.spec, runtime=self.runtime)

    def places(self, image: Pixels) -> Vectors:
        """As ``LiveEncoder`` says; by torch, which is loaded at the first call."""
        return self._network.places(image)
