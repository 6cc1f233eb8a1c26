"""Learning without labels: SimCLR, VICReg and SwAV, each a head on the encoder's vectors and a loss on two views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.embedding import Encoder
from retrieval.training.bounds import Between, Steps, Temperature, Weight, Width
from retrieval.training.losses.selfsupervised import nt_xent, swav, vicreg
from retrieval.training.recipe import Batch, Recipe


@dataclass(frozen=True)
class HeadOptions:
    """The small network between the encoder's vector and the loss; it is thrown away afterwards."""

    hidden: Width = 512
    output: Width = 128


@dataclass(frozen=True)
class SimCLROptions(HeadOptions):
    """``temperature`` of NT-Xent."""

    temperature: Temperature = 0.2


@dataclass(frozen=True)
class VICRegOptions(HeadOptions):
    """Weights of invariance, variance and covariance."""

    weights: tuple[Weight, Weight, Weight] = (25.0, 25.0, 1.0)


@dataclass(frozen=True)
class SwAVOptions(HeadOptions):
    """``prototypes``: number of clusters; fewer than pictures in batch and queue, or they cannot be filled equally.

    ``queue``: vectors of earlier pictures that are assigned beside those of a batch too small to fill the clusters,
    from step ``queue_from`` on. ``frozen``: first steps in which the prototypes stay where they are. ``epsilon``: how
    soft an assignment is.
    """

    prototypes: Annotated[int, Between(1, 16_384)] = 64
    temperature: Temperature = 0.1
    epsilon: Temperature = 0.05
    queue: Annotated[int, Between(0, 16_384)] = 0
    queue_from: Steps = 0
    frozen: Steps = 0


def head(inputs: int, options: HeadOptions) -> nn.Sequential:
    """Two layers with batch normalisation between them."""
    return nn.Sequential(
        nn.Linear(inputs, options.hidden, bias=False),
        nn.BatchNorm1d(options.hidden),
        nn.ReLU(),
        nn.Linear(options.hidden, options.output),
    )


class TwoViews(Recipe):
    """Both views through encoder and head, in one batch so that they share its statistics."""

    views = 2

    def __init__(self, encoder: Encoder, options: HeadOptions) -> None:
        super().__init__(encoder)
        self.head = head(encoder.spec.dimension, options)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of the two views."""
        vectors = cast(Tensor, self.head(self.encoder(torch.cat(batch.views)))).float()
        first, second = vectors.chunk(2)
        return {"loss": self.compare(first, second)}

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss of the heads' outputs, both (N, D)."""
        raise NotImplementedError


class SimCLR(TwoViews):
    """Contrastive: a view finds its partner among the batch."""

    def __init__(self, encoder: Encoder, options: SimCLROptions) -> None:
        super().__init__(encoder, options)
        self.temperature = options.temperature

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """NT-Xent."""
        return nt_xent(first, second, temperature=self.temperature)


class VICReg(TwoViews):
    """Without negatives: views agree while every number keeps its spread and differs from the others."""

    def __init__(self, encoder: Encoder, options: VICRegOptions) -> None:
        super().__init__(encoder, options)
        self.weights = options.weights

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """VICReg's three terms."""
        return vicreg(first, second, weights=self.weights)


class SwAV(TwoViews):
    """Clusters: a view predicts to which prototype the other view belongs.

    Caron et al.: SwAV (2020); the queue is in section 3.1, frozen prototypes are in appendix A. Vectors of a network
    that still changes fast are no guide: a queue that takes part from the start drives views apart.
    """

    queue: Tensor
    steps: Tensor

    def __init__(self, encoder: Encoder, options: SwAVOptions) -> None:
        super().__init__(encoder, options)
        self.options = options
        self.prototypes = nn.Parameter(F.normalize(torch.randn(options.prototypes, options.output), dim=1))
        self.register_buffer("queue", torch.zeros(2, options.queue, options.output))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """SwAV's swapped prediction, in single precision: assignments are exponentials of twenty times a cosine."""
        with torch.autocast(first.device.type, enabled=False):
            views = F.normalize(torch.stack([first, second]), dim=2)
            prototypes = F.normalize(self.prototypes, dim=1)
            if self.steps < self.options.frozen:
                prototypes = prototypes.detach()
            scores, earlier = views @ prototypes.T, self._earlier(len(first)) @ prototypes.detach().T
            self._remember(views.detach())
            return swav(*scores, earlier=earlier, temperature=self.options.temperature, epsilon=self.options.epsilon)

    def _earlier(self, batch: int) -> Tensor:
        """The queue (2, Q, D); nothing of it before its time, or before it is full."""
        full = int(self.steps) * batch >= self.options.queue
        return self.queue if full and self.steps >= self.options.queue_from else self.queue[:, :0]

    def _remember(self, views: Tensor) -> None:
        self.queue = torch.cat([views, self.queue], dim=1)[:, : self.options.queue].contiguous()
        self.steps += 1
