"""The smaller encoders that compression tries: whole numbers, fewer dimensions, fewer channels fine-tuned."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retrieval.compression import smaller
from retrieval.compression.wanted import BATCH, FEWEST_TO_TUNE, Variants, pruned, shorter
from retrieval.embedding import Encoder, Pixels, preprocessing
from retrieval.errors import InvalidInput
from retrieval.progress import Progress, silent
from retrieval.training import (
    AugmentConfig,
    Distill,
    DistillOptions,
    Hooks,
    Job,
    OptimiserConfig,
    RunConfig,
    SamplingConfig,
    ScheduleConfig,
    averaged,
    fit,
    from_arrays,
    prune,
)

RANGES = 128  # pictures that the ranges of activations, and the worth of channels, are read from
TUNED = AugmentConfig(smallest_crop=0.5, flip=0.5, brightness=0.1)


def build(
    full: Encoder, *, pictures: Sequence[Pixels], wanted: Variants, progress: Progress = silent
) -> dict[str, Encoder]:
    """Each variant by its name, on the CPU, run by torch; ``pictures`` (H, W, 3) calibrate, rotate and fine-tune.

    What the encoder already is (8 bits, as few dimensions) is passed over. ``progress`` is told "building" and the
    name, for a fine-tune at each step. Raises InvalidInput when pictures are too few for a dimension, or the backbone
    cannot be pruned.
    """
    made: dict[str, Encoder] = {}
    some = _batches(full, pictures[:RANGES])
    if wanted.int8 and full.spec.precision != "int8":
        progress("building int8", 0, 1)
        made["int8"] = smaller.in_int8(full, batches=some)
    fewer = wanted.fewer(full.spec.dimension)
    vectors = full.encode(pictures) if fewer else np.empty((0, 0), np.float32)
    for dimension in fewer:
        name = shorter(dimension)
        progress(f"building {name}", 0, 1)
        made[name] = smaller.in_fewer_dimensions(full, vectors=vectors, dimension=dimension)
    if wanted.keep < 1:
        name = pruned(wanted.keep)
        progress(f"building {name}", 0, wanted.steps)
        narrow = prune(full, keep=wanted.keep, pictures=some)
        hooks = _told(lambda step: progress(f"building {name}", step, wanted.steps))
        made[name] = _tuned(_Pair(narrow, full), pictures=pictures, steps=wanted.steps, hooks=hooks)
    return made


def _batches(encoder: Encoder, pictures: Sequence[Pixels]) -> list[Tensor]:
    """Float batches (N, 3, H, W) in 0..1 at the encoder's input size."""
    spec = encoder.spec
    grouped = preprocessing.batches(pictures, side=spec.image_size, resize=spec.resize, most=BATCH)
    stacks = [np.stack([preprocessing.resized(pictures[at], size) for at in positions]) for positions, size in grouped]
    return [torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255 for stack in stacks]


@dataclass(frozen=True)
class _Pair:
    """A pruned encoder and the whole one that it is to be like."""

    narrow: Encoder
    whole: Encoder


def _told(tell: Callable[[int], None]) -> Hooks:
    """Hooks that tell the number of steps done, before each step; what ``tell`` raises ends the training."""
    steps = count()

    def stop() -> bool:
        tell(next(steps))
        return False

    return Hooks(stop=stop)


def _tuned(pair: _Pair, *, pictures: Sequence[Pixels], steps: int, hooks: Hooks) -> Encoder:
    """Teach a pruned encoder to give the vectors of the whole one again: distillation on a few pictures."""
    if len(pictures) < FEWEST_TO_TUNE:
        raise InvalidInput.of("pictures", f"A fine-tune after pruning needs at least {FEWEST_TO_TUNE} pictures.")
    side = pair.whole.spec.image_size
    squares = from_arrays(pictures, [""] * len(pictures), side=side)
    config = RunConfig(
        name="pruned",
        recipe="distill",
        encoder=pair.narrow.spec,
        optimiser=OptimiserConfig(steps=steps, lr=5e-4, warmup_steps=steps // 10),
        sampling=SamplingConfig(batch=BATCH),
        augment=TUNED,
        schedule=ScheduleConfig(sizes=((0.0, side),), report_every=0),
    )
    recipe = Distill(
        pair.narrow,
        targets=pair.whole.encode(list(squares.pixels)),
        scopes=torch.empty(0, dtype=torch.int64),
        options=DistillOptions(),
    )
    with tempfile.TemporaryDirectory() as folder:
        state = fit(recipe, job=Job(config, squares, Path(folder)), hooks=hooks)
        with averaged(state) as tuned:
            return tuned.exported()
