"""The smaller encoders that compression tries: whole numbers, fewer dimensions, fewer channels fine-tuned."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.embedding import Encoder, preprocessing, smaller
from retrieval.errors import InvalidInput
from retrieval.training.config import AugmentConfig, OptimiserConfig, RunConfig, SamplingConfig, ScheduleConfig
from retrieval.training.data import from_arrays
from retrieval.training.distill import Distill, DistillOptions
from retrieval.training.loop import Hooks, Job, averaged, fit
from retrieval.training.prune import prune

Pixels = NDArray[np.uint8]

RANGES = 128  # pictures that the ranges of activations, and the worth of channels, are read from
BATCH = 16
TUNED = AugmentConfig(smallest_crop=0.5, flip=0.5, brightness=0.1)


@dataclass(frozen=True)
class Wanted:
    """Which variants: numbers of dimensions, whole numbers, and the share of hidden channels that pruning leaves.

    ``keep`` 1 means no pruning; ``steps`` is the length of the fine-tune after it, in batches of 16 pictures.
    ``calibration`` is a folder of class folders with ordinary pictures, labels unused; without it the measured pictures
    calibrate as well, which flatters a little.
    """

    dimensions: tuple[int, ...] = (512, 256, 128)
    int8: bool = True
    keep: float = 1.0
    steps: int = 100
    calibration: Path | None = None


def build(full: Encoder, *, pictures: Sequence[Pixels], wanted: Wanted) -> dict[str, Encoder]:
    """Each variant by its name, on the CPU, run by torch; ``pictures`` (H, W, 3) calibrate, rotate and fine-tune.

    What the encoder already is (8 bits, as few dimensions) is passed over. Raises InvalidInput when pictures are too
    few for a dimension, or the backbone cannot be pruned.
    """
    made: dict[str, Encoder] = {}
    some = _batches(full, pictures[:RANGES])
    if wanted.int8 and full.spec.precision != "int8":
        made["int8"] = smaller.in_int8(full, batches=some)
    fewer = [dimension for dimension in wanted.dimensions if dimension < full.spec.dimension]
    if fewer:
        vectors = full.encode(pictures)
        for dimension in fewer:
            made[f"pca-{dimension}"] = smaller.in_fewer_dimensions(full, vectors=vectors, dimension=dimension)
    if wanted.keep < 1:
        narrow = prune(full, keep=wanted.keep, pictures=some)
        made[f"pruned-{wanted.keep:.0%}"] = _tuned(narrow, like=full, pictures=pictures, steps=wanted.steps)
    return made


def _batches(encoder: Encoder, pictures: Sequence[Pixels]) -> list[Tensor]:
    """Float batches (N, 3, H, W) in 0..1 at the encoder's input size."""
    spec = encoder.spec
    grouped = preprocessing.batches(pictures, side=spec.image_size, resize=spec.resize, most=BATCH)
    stacks = [np.stack([preprocessing.resized(pictures[at], size) for at in positions]) for positions, size in grouped]
    return [torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255 for stack in stacks]


def _tuned(narrow: Encoder, *, like: Encoder, pictures: Sequence[Pixels], steps: int) -> Encoder:
    """Teach a pruned encoder to give the vectors of the whole one again: distillation on a few pictures."""
    if len(pictures) < BATCH:
        raise InvalidInput.of("pictures", f"A fine-tune after pruning needs at least {BATCH} pictures.")
    side = like.spec.image_size
    squares = from_arrays(pictures, [""] * len(pictures), side=side)
    config = RunConfig(
        name="pruned",
        recipe="distill",
        encoder=narrow.spec,
        optimiser=OptimiserConfig(steps=steps, lr=5e-4, warmup_steps=steps // 10),
        sampling=SamplingConfig(batch=BATCH),
        augment=TUNED,
        schedule=ScheduleConfig(sizes=((0.0, side),), report_every=0),
    )
    recipe = Distill(
        narrow,
        targets=like.encode(list(squares.pixels)),
        scopes=torch.empty(0, dtype=torch.int64),
        options=DistillOptions(),
    )
    with tempfile.TemporaryDirectory() as folder:
        state = fit(recipe, job=Job(config, squares, Path(folder)), hooks=Hooks())
        with averaged(state) as tuned:
            return tuned.exported()
