"""A generator and a discriminator trained against each other; the discriminator's body is the encoder that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from retrieval.embedding import Encoder
from retrieval.training.bounds import Channels, Rate, Side, Width
from retrieval.training.generator import FILE_ENDING, Generator, save
from retrieval.training.losses.adversarial import discriminator_loss, generator_loss
from retrieval.training.recipe import Batch, Recipe, batch_norms, trainable

_NORMALISED = (nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class GANOptions:
    """``latent``: length of the generator's input; ``width``: channels of its last layer; ``side`` of its pictures.

    ``generator_lr``: its learning rate over the discriminator's (Heusel et al. 2017: two time scales).
    """

    latent: Width = 64
    width: Channels = 32
    side: Side = 64
    generator_lr: Rate = 0.5


class GAN(Recipe):
    """Hinge losses; the discriminator is the encoder with spectral normalisation and a score on its vector.

    Its batch normalisation layers are kept at the identity: batch statistics would tell it real from generated batches
    by their mean. Miyato et al.: Spectral Normalization for GANs (2018).
    """

    def __init__(self, encoder: Encoder, options: GANOptions) -> None:
        super().__init__(encoder)
        self.options = options
        _set_norms_to_identity(encoder)
        self.score = nn.Linear(encoder.spec.dimension, 1)
        for layer in _normalised(self):
            spectral_norm(layer)
        self.generator = Generator(options.latent, side=options.side, width=options.width)

    def train(self, mode: bool = True) -> GAN:
        """As torch's, but the discriminator's batch normalisation stays the identity."""
        super().train(mode)
        for layer in batch_norms(self.encoder):
            layer.eval()
        return self

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Both losses in one sum: each reaches only its own network, so one optimiser step serves both."""
        real = batch.views[0]
        fake = self.generator(self.draw(len(real), generator=batch.generator).to(real.device))
        with _fixed(self.encoder, self.score):
            generated = generator_loss(self.judge(fake))
        judged = discriminator_loss(self.judge(real), self.judge(fake.detach()))
        return {"loss": judged + generated, "discriminator": judged, "generator": generated}

    def judge(self, pictures: Tensor) -> Tensor:
        """How real pictures (N, 3, S, S) in 0..1 look: (N, 1)."""
        scores: Tensor = self.score(self.encoder(pictures))
        return scores.float()

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Latent vectors (count, latent) of the standard normal distribution."""
        return torch.randn(count, self.options.latent, generator=generator)

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """The discriminator at ``lr``, the generator at its share of it."""
        return [
            {"params": trainable(self.encoder) + trainable(self.score), "lr": lr},
            {"params": trainable(self.generator), "lr": lr * self.options.generator_lr},
        ]

    def exported(self) -> Encoder:
        """The discriminator's body as a plain encoder, spectral normalisation worked into its weights."""
        plain = Encoder(self.encoder.spec, seed=None)
        own = {name: value for name, value in self.encoder.state_dict().items() if "parametrizations" not in name}
        for name, layer in self.encoder.named_modules():
            if isinstance(layer, _NORMALISED):
                own[f"{name}.weight"] = layer.weight.detach()
        plain.load_state_dict(own)
        return plain

    def besides(self) -> Mapping[str, Callable[[Path], str]]:
        """The generator, so that it can draw later."""
        return {FILE_ENDING: partial(save, self.generator)}


def _set_norms_to_identity(encoder: Encoder) -> None:
    """Mean 0, variance 1, scale 1, shift 0, and none of it trained."""
    for layer in batch_norms(encoder):
        cast(nn.BatchNorm2d, layer).reset_parameters()
        layer.requires_grad_(False)


def _normalised(gan: GAN) -> list[nn.Module]:
    return [layer for part in (gan.encoder, gan.score) for layer in part.modules() if isinstance(layer, _NORMALISED)]


@contextmanager
def _fixed(*modules: nn.Module) -> Iterator[None]:
    """Parameters take no gradient while a graph is built inside; those of other graphs do not notice."""
    changed = [parameter for module in modules for parameter in trainable(module)]
    for parameter in changed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(True)
