"""A finished GAN draws: samples, the picture most like a given one, others near it; a finished autoencoder redraws."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.embedding import Encoder, Pixels, checkpoint, resized
from retrieval.errors import InvalidInput
from retrieval.training import generator
from retrieval.training.generator import FILE_ENDING, Generator

_STARTS = 64
_LEAST_SIDE = 64  # of a picture on a sheet, in pixels
_GAP = 2


@dataclass(frozen=True)
class Artist:
    """A generator, and the encoder trained against it or, for an autoencoder, before it. Both are in evaluation."""

    generator: Generator
    encoder: Encoder

    def __post_init__(self) -> None:
        for part in (self.generator, self.encoder):
            part.eval().requires_grad_(False)

    def imagine(self, count: int, *, seed: int) -> Tensor:
        """Latent vectors (count, latent) of the standard normal distribution; the same for the same seed."""
        return torch.randn(count, self.generator.latent, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Inversion:
    """How long to search for a latent vector, and where to begin."""

    steps: int = 200
    seed: int = 0
    lr: float = 0.05


@dataclass(frozen=True)
class Near:
    """How many pictures near a given one, how far from it (0 not at all, 1 anywhere), and how that one is found."""

    count: int
    spread: float
    plan: Inversion = Inversion()


Watch = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    """Tell nobody."""


def load(folder: Path, *, recipe: str = "gan") -> Artist:
    """The artist of the folder of a finished run of this recipe, its files checked against the run's record.

    Raises InvalidInput when the folder has no such run, WeightsError when a file was altered or does not fit.
    """
    found = sorted(folder.glob(f"*{FILE_ENDING}"))
    if len(found) != 1:
        raise InvalidInput.of(
            "run_folder", f"{folder} must hold one finished run of the recipe {recipe}, not {len(found)}."
        )
    name = found[0].name.removesuffix(FILE_ENDING)
    of_generator, of_encoder = _digests(folder / f"{name}.json", file=found[0].name, recipe=recipe)
    encoder = checkpoint.load(folder / f"{name}.safetensors", sha256=of_encoder)
    return Artist(generator.load(found[0], sha256=of_generator), encoder)


def _digests(path: Path, *, file: str, recipe: str) -> tuple[str, str]:
    """SHA-256 of the generator's file and of the encoder's, as the run's record has them."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["config"]["recipe"] != recipe:
            raise ValueError(record["config"]["recipe"])
        return str(record["files"][file]), str(record["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is not the record of a run of the recipe {recipe} that kept its generator."
        raise InvalidInput.of("run_folder", message) from error


@torch.no_grad()
def samples(artist: Artist, count: int, *, seed: int) -> Tensor:
    """Drawn pictures (count, 3, side, side) in 0..1; the same for the same seed."""
    pictures: Tensor = artist.generator(artist.imagine(count, seed=seed))
    return pictures


def invert(artist: Artist, picture: Tensor, *, plan: Inversion = Inversion(), watch: Watch = _quiet) -> Tensor:
    """The latent vector (1, latent) whose picture is most like ``picture`` (1, 3, S, S) in 0..1.

    Minimises the squared error of pixels plus the cosine distance of discriminator features, from the best of 64 random
    starts, and stays near the sphere that training draws from. Creswell, Bharath: Inverting the Generator (2019).
    ``watch`` is told the steps done, of how many.
    """
    if plan.steps < 1:
        raise InvalidInput.of("steps", "steps must be at least 1.")
    wanted = F.interpolate(picture, size=(artist.generator.side,) * 2, mode="bilinear", antialias=True)
    latent = _best_start(artist, wanted, plan.seed).requires_grad_()
    optimiser = torch.optim.Adam([latent], lr=plan.lr)
    for step in range(plan.steps):
        optimiser.zero_grad()
        torch.autograd.backward(_unlikeness(artist, latent, wanted).sum())
        optimiser.step()
        watch(step + 1, plan.steps)
    return latent.detach()


@torch.no_grad()
def neighbours(artist: Artist, latent: Tensor, *, noise: Tensor, spread: float) -> Tensor:
    """Pictures like that of ``latent`` (1, latent), one for each ``noise`` (N, latent) of the normal distribution.

    The latent vector is mixed with the share ``spread`` (0..1) of the noise, so that its length stays likely.
    """
    pictures: Tensor = artist.generator(latent * (1 - spread**2) ** 0.5 + noise * spread)
    return pictures


def near(artist: Artist, picture: Pixels, *, like: Near, watch: Watch = _quiet) -> Tensor:
    """A picture (H, W, 3), the generator's own version of it, and others near that: (2 + count, 3, side, side)."""
    query = _squares([picture], artist.generator.side)
    latent = invert(artist, query, plan=like.plan, watch=watch)
    noise = artist.imagine(like.count, seed=like.plan.seed)
    itself = neighbours(artist, latent, noise=noise[:1], spread=0)
    return torch.cat([query, itself, neighbours(artist, latent, noise=noise, spread=like.spread)])


@torch.no_grad()
def rebuilt(artist: Artist, picture: Pixels) -> Tensor:
    """A picture (H, W, 3), and what an autoencoder makes of it from its vector alone: (2, 3, side, side) in 0..1.

    Raises InvalidInput where what was put behind the encoder at the end of its run left the decoder behind.
    """
    spec = artist.encoder.spec
    if artist.generator.latent != spec.dimension:
        raise InvalidInput.of("run_folder", "The encoder ended with other vectors than its decoder has learned from.")
    redrawn = artist.generator(artist.encoder(_squares([picture], spec.image_size)))
    return torch.cat([_squares([picture], artist.generator.side), redrawn])


def _squares(pictures: Sequence[Pixels], side: int) -> Tensor:
    """Pictures (H, W, 3) -> (N, 3, side, side) in 0..1."""
    stack = np.stack([resized(picture, (side, side)) for picture in pictures])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def _best_start(artist: Artist, wanted: Tensor, seed: int) -> Tensor:
    starts = artist.imagine(_STARTS, seed=seed)
    best = _unlikeness(artist, starts, wanted.expand(len(starts), -1, -1, -1)).argmin()
    return starts[best : best + 1].clone()


def _unlikeness(artist: Artist, latent: Tensor, wanted: Tensor) -> Tensor:
    made = artist.generator(latent)
    pixels = (made - wanted).square().mean(dim=(1, 2, 3))
    features = 1 - F.cosine_similarity(artist.encoder(made), artist.encoder(wanted), dim=1)
    off_sphere = (latent.square().mean(dim=1) - 1).square()
    total: Tensor = pixels + 0.1 * features + 0.01 * off_sphere
    return total


def sheet(rows: Sequence[Tensor]) -> Pixels:
    """Rows of pictures (N, 3, S, S) in 0..1, all of one side, as one picture uint8 (H, W, 3) on white."""
    most = max(map(len, rows))
    tiles = torch.stack([F.pad(_framed(row), (0, 0, 0, 0, 0, 0, 0, most - len(row)), value=1.0) for row in rows])
    row_count, _, _, height, width = tiles.shape
    whole = tiles.permute(0, 3, 1, 4, 2).reshape(row_count * height, most * width, 3)
    found: Pixels = (whole * 255).round().to(torch.uint8).numpy()
    return found


def sheet_size(rows: int, columns: int, *, side: int) -> tuple[int, int]:
    """Width and height in pixels of such a sheet of pictures of this side."""
    tile = max(1, _LEAST_SIDE // side) * side + _GAP
    return columns * tile, rows * tile


def _framed(row: Tensor) -> Tensor:
    """Enlarged by a whole factor where they are small, with a white edge."""
    factor = max(1, _LEAST_SIDE // row.shape[2])
    enlarged = row.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    return F.pad(enlarged, (0, _GAP, 0, _GAP), value=1.0)
