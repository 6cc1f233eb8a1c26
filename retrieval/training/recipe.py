"""What a recipe is to the loop: something with parameters that turns a batch into a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from retrieval.embedding import Encoder, backbones, networks
from retrieval.errors import InvalidInput
from retrieval.training.stem import Stem

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Batch:
    """What a step sees.

    ``views``: as many random views of the same pictures as the recipe asks for, each float (N, 3, S, S) in 0..1.
    ``labels`` (N,): class numbers, -1 for none. ``rows`` (N,): positions in the training set. ``generator``: the source
    of every further random number of this step.
    """

    views: tuple[Tensor, ...]
    labels: Tensor
    rows: Tensor
    generator: torch.Generator


class Recipe(nn.Module):
    """An encoder in training, with whatever else the recipe trains beside it.

    ``views`` is how many random views of each picture ``step`` needs.
    """

    views = 1

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The loss to be made smaller under ``loss``, and its parts under their names, each a scalar."""
        raise NotImplementedError

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser; here one with everything that is not frozen."""
        return [{"params": trainable(self), "lr": lr}]

    def exported(self) -> Encoder:
        """The encoder to keep; with the weights that are in place now."""
        return self.encoder

    def besides(self) -> Mapping[str, Callable[[Path], str]]:
        """What else to keep, by the ending of its file's name: writes the file, returns its SHA-256. Here nothing."""
        return {}


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def stages(encoder: Encoder) -> list[nn.Module]:
    """The layers of a backbone in order, as coarse as its author named them (MobileNetV2: 19, ResNet: 8, Lite0: 18)."""
    return networks.stages(backbones.get(encoder.spec.backbone), encoder.backbone)


def freeze_stages(encoder: Encoder, count: int) -> None:
    """Fix the first ``count`` stages; raises InvalidInput when the backbone has fewer."""
    found = stages(encoder)
    if not 0 <= count <= len(found):
        raise InvalidInput.of("options.frozen_stages", f"frozen_stages must be from 0 to {len(found)}.")
    for stage in found[:count]:
        stage.requires_grad_(False)


def batch_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Every batch normalisation layer."""
    return (layer for layer in module.modules() if isinstance(layer, _NORMS))


class FineTuned(Recipe):
    """A recipe that starts from good weights: early stages can be fixed, and batch statistics stay as they are.

    Fixed statistics keep the vectors of a batch independent of each other, as they are when the encoder is used.
    """

    def __init__(self, encoder: Encoder, *, frozen_stages: int = 0, fixed_norms: bool = True) -> None:
        super().__init__(encoder)
        # With a place's channels side by side the backward pass takes half the time on a CPU.
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        freeze_stages(encoder, frozen_stages)
        if frozen_stages and (encoder.spec.levels or encoder.spec.quarters):
            text = "frozen_stages must be 0 for an encoder that pools earlier maps: fixed stages give the last alone."
            raise InvalidInput.of("options.frozen_stages", text)
        self.frozen_stages, self.fixed_norms = frozen_stages, fixed_norms
        self._stem = Stem(encoder, stages(encoder)[:frozen_stages]) if frozen_stages else None

    def embed(self, images: Tensor) -> Tensor:
        """Float (N, 3, S, S) in 0..1 -> raw vectors (N, D), in single precision; the fixed stages run without torch."""
        if self._stem is None:
            return cast(Tensor, self.encoder(images)).float()
        with torch.autocast("cpu", enabled=False):  # what it converts must not hold autocast's own casts
            maps = self._stem(images).contiguous(memory_format=torch.channels_last)
        for stage in stages(self.encoder)[self.frozen_stages :]:
            maps = stage(maps)
        return cast(Tensor, self.encoder.projection(self.encoder.pooling(maps))).float()

    def train(self, mode: bool = True) -> FineTuned:
        """As torch's, but fixed layers stay in evaluation."""
        super().train(mode)
        if self.fixed_norms:
            for layer in batch_norms(self.encoder):
                layer.eval()
        for stage in stages(self.encoder)[: self.frozen_stages]:
            stage.eval()
        return self
