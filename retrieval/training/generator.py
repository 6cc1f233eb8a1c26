"""From a vector to a picture: the network that the GAN's generator and the autoencoder's decoder share."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from retrieval.errors import InvalidInput

FIRST_SIDE = 4


class Generator(nn.Module):
    """Latent (N, D) -> pictures (N, 3, side, side) in 0..1; the side is 4 times a power of two.

    As in DCGAN (Radford et al. 2016), but each doubling is a nearest-neighbour enlargement and a convolution, which
    leaves no checkerboard (Odena et al.: Deconvolution and Checkerboard Artifacts, 2016).
    """

    def __init__(self, latent: int, *, side: int, width: int = 32) -> None:
        super().__init__()
        doublings = (side // FIRST_SIDE).bit_length() - 1
        if doublings < 1 or FIRST_SIDE << doublings != side:
            raise InvalidInput.of("schedule.sizes", "The side of generated pictures must be 8, 16, 32, 64 or 128.")
        channels = [width << power for power in reversed(range(doublings + 1))]
        self.latent, self.side = latent, side
        self.first = nn.Linear(latent, channels[0] * FIRST_SIDE**2)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (channels[0], FIRST_SIDE, FIRST_SIDE)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
            *(_doubling(before, after) for before, after in pairwise(channels)),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """(N, latent) -> (N, 3, side, side) in 0..1."""
        pictures: Tensor = self.layers(self.first(latent))
        return pictures


def _doubling(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
