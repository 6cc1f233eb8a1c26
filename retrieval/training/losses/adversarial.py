"""Hinge losses of a generator and its discriminator."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """mean max(0, 1 - D(x)) + mean max(0, 1 + D(G(z))); scores of any shape.

    Lim, Ye: Geometric GAN (2017); as used by Miyato et al.: Spectral Normalization for GANs (2018), equation 17.
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-mean D(G(z)) (the same, equation 18)."""
    return -fake.mean()
