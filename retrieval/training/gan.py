"""A generator and a discriminator trained against each other; the discriminator's body is the encoder that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from retrieval.embedding.encoder import Encoder
from retrieval.errors import InvalidInput
from retrieval.training.generator import Generator
from retrieval.training.losses.adversarial import discriminator_loss, generator_loss
from retrieval.training.recipe import Batch, Recipe, batch_norms, trainable

_NORMALISED = (nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class GANOptions:
    """``latent``: length of the generator's input; ``width``: channels of its last layer; ``side`` of its pictures.

    ``generator_lr``: its learning rate over the discriminator's (Heusel et al. 2017: two time scales).
    """

    latent: int = 64
    width: int = 32
    side: int = 64
    generator_lr: float = 0.5


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
        plain = Encoder(self.encoder.spec)
        own = {name: value for name, value in self.encoder.state_dict().items() if "parametrizations" not in name}
        for name, layer in self.encoder.named_modules():
            if isinstance(layer, _NORMALISED):
                own[f"{name}.weight"] = layer.weight.detach()
        plain.load_state_dict(own)
        return plain


@torch.no_grad()
def samples(gan: GAN, count: int, *, seed: int) -> Tensor:
    """Generated pictures (count, 3, side, side) in 0..1; the same for the same seed."""
    latent = gan.draw(count, generator=torch.Generator().manual_seed(seed))
    pictures: Tensor = gan.generator.eval()(latent)
    return pictures


def invert(gan: GAN, picture: Tensor, *, steps: int = 200, seed: int = 0) -> Tensor:
    """The latent vector (1, latent) whose picture is most like ``picture`` (1, 3, S, S) in 0..1.

    Minimises the squared error of pixels plus the cosine distance of discriminator features, from the best of 64 random
    starts, and stays near the sphere that training draws from. Creswell, Bharath: Inverting the Generator (2019).
    """
    if steps < 1:
        raise InvalidInput.of("steps", "steps must be at least 1.")
    gan.eval()
    wanted = F.interpolate(picture, size=(gan.options.side,) * 2, mode="bilinear", antialias=True)
    latent = _best_start(gan, wanted, seed).requires_grad_()
    optimiser = torch.optim.Adam([latent], lr=0.05)
    with _fixed(gan.encoder, gan.generator):
        for _ in range(steps):
            optimiser.zero_grad()
            torch.autograd.backward(_unlikeness(gan, latent, wanted).sum())
            optimiser.step()
    return latent.detach()


def neighbours(gan: GAN, latent: Tensor, *, count: int, spread: float, seed: int) -> Tensor:
    """Pictures like that of ``latent`` (1, latent): the latent vector mixed with noise of share ``spread`` (0..1)."""
    noise = gan.draw(count, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pictures: Tensor = gan.generator.eval()(latent * (1 - spread**2) ** 0.5 + noise * spread)
    return pictures


@torch.no_grad()
def _best_start(gan: GAN, wanted: Tensor, seed: int) -> Tensor:
    starts = gan.draw(64, generator=torch.Generator().manual_seed(seed))
    best = _unlikeness(gan, starts, wanted.expand(len(starts), -1, -1, -1)).argmin()
    return starts[best : best + 1].clone()


def _unlikeness(gan: GAN, latent: Tensor, wanted: Tensor) -> Tensor:
    made = gan.generator(latent)
    pixels = (made - wanted).square().mean(dim=(1, 2, 3))
    features = 1 - F.cosine_similarity(gan.encoder(made), gan.encoder(wanted), dim=1)
    off_sphere = (latent.square().mean(dim=1) - 1).square()
    total: Tensor = pixels + 0.1 * features + 0.01 * off_sphere
    return total


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
