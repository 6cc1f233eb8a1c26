"""From a vector to a picture: the network that the GAN's generator and the autoencoder's decoder share."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from retrieval.embedding import checkpoint
from retrieval.errors import InvalidInput, WeightsError

FIRST_SIDE = 4
FILE_ENDING = "-generator.safetensors"
_SHAPE_KEY = "imagesearch.generator"


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
        self.latent, self.side, self.width = latent, side, width
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


def save(generator: Generator, path: Path) -> str:
    """Write weights and shape as one safetensors file, whole or not at all; returns its SHA-256."""
    shape = {"latent": generator.latent, "side": generator.side, "width": generator.width}
    return checkpoint.write(generator.state_dict(), path, about={_SHAPE_KEY: json.dumps(shape)})


def load(path: Path, *, sha256: str | None = None) -> Generator:
    """The generator of a file that ``save`` wrote, other bytes refused; raises WeightsError."""
    tensors, about = checkpoint.read(path, sha256=sha256)
    try:
        generator = Generator(**json.loads(about[_SHAPE_KEY]))
        generator.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, InvalidInput) as error:
        raise WeightsError(f"{path.name} does not hold a generator: {str(error).partition(chr(10))[0]}") from error
    return generator
