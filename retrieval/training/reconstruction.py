"""Learning by squared error: an autoencoder that redraws its input, and regression onto another encoder's vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from retrieval.embedding import Encoder
from retrieval.training.bounds import Channels, Side, Stages
from retrieval.training.generator import FILE_ENDING, Generator, save
from retrieval.training.recipe import Batch, FineTuned, Recipe


@dataclass(frozen=True)
class AutoencoderOptions:
    """``width``: channels of the decoder's last layer; ``side``: side of the redrawn picture."""

    width: Channels = 16
    side: Side = 64


class Autoencoder(Recipe):
    """The vector has to be enough to redraw the picture. Hinton, Salakhutdinov: Reducing the Dimensionality (2006)."""

    def __init__(self, encoder: Encoder, options: AutoencoderOptions) -> None:
        super().__init__(encoder)
        self.side = options.side
        self.decoder = Generator(encoder.spec.dimension, side=options.side, width=options.width)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the pixels, which are in 0..1."""
        images = batch.views[0]
        wanted = F.interpolate(images, size=(self.side,) * 2, mode="bilinear", antialias=True)
        redrawn = self.decoder(self.encoder(images)).float()
        return {"loss": F.mse_loss(redrawn, wanted)}

    def besides(self) -> Mapping[str, Callable[[Path], str]]:
        """The decoder, so that it can redraw later."""
        return {FILE_ENDING: partial(save, self.decoder)}


@dataclass(frozen=True)
class RegressionOptions:
    """``teachers``: weights files; ``teacher_sizes``: sides at which they see each picture."""

    teachers: tuple[str, ...] = ()
    teacher_sizes: tuple[Side, ...] = (224,)
    frozen_stages: Stages = 0
    fixed_norms: bool = False


class Regression(FineTuned):
    """The vector is to be the target of the picture, number by number. Romero et al.: FitNets (2015), last layer."""

    targets: Tensor

    def __init__(self, encoder: Encoder, *, targets: NDArray[np.float32], options: RegressionOptions) -> None:
        super().__init__(encoder, frozen_stages=options.frozen_stages, fixed_norms=options.fixed_norms)
        # Unit variance over all numbers makes losses comparable between teachers; the direction is what retrieval uses.
        scaled = targets / targets.std()
        self.register_buffer("targets", torch.from_numpy(scaled), persistent=False)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error; 1 is what always answering the mean would give."""
        return {"loss": F.mse_loss(self.embed(batch.views[0]), self.targets[batch.rows])}
