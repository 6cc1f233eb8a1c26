"""Tiny pictures, encoders and configs for the tests of training."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch

from retrieval.embedding import Encoder, EncoderSpec
from retrieval.training import PictureSet, RunConfig, from_arrays
from retrieval.training.recipe import batch_norms

SPEC = {
    "backbone": "mobilenet_v2",
    "projection": "linear",
    "dimension": 4,
    "image_size": 32,
    "widths": [8] * 17 + [32],
}


_made: dict[str, Encoder] = {}


def encoder(seed: int = 0, **changes) -> Encoder:
    """One of its own each time; those of equal arguments have equal weights."""
    key = repr((seed, sorted(changes.items())))
    if key not in _made:
        _made[key] = _encoder(seed, changes)
    return deepcopy(_made[key])


def _encoder(seed: int, changes: dict) -> Encoder:
    """Random weights, batch statistics of random pictures: without them a narrow network fades to nothing."""
    found = Encoder(EncoderSpec.from_dict({**SPEC, **changes}), seed=seed)
    for layer in batch_norms(found):
        layer.momentum = 1.0
    with torch.no_grad():
        found.train()(torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(seed)))
    return found.eval()


def pictures(count: int = 24, *, classes: int = 3, side: int = 32, labelled: bool = True) -> PictureSet:
    """Noise about a colour that tells the class."""
    draw = np.random.default_rng(0)
    colours = draw.integers(40, 215, (classes, 3))
    numbers = np.arange(count) % classes
    noise = draw.integers(-30, 30, (count, side, side, 3))
    pixels = (colours[numbers][:, None, None] + noise).clip(0, 255).astype(np.uint8)
    return from_arrays(list(pixels), [f"toy/c{n}" if labelled else "" for n in numbers], side=side)


def config(recipe: str, *, options: dict | None = None, **tables) -> RunConfig:
    base = {
        "name": "tiny",
        "recipe": recipe,
        "seed": 3,
        "encoder": SPEC,
        "options": options or {},
        "data": {"stored_size": 32, "held_out_share": 0.25},
        "sampling": {"kind": "shuffled", "batch": 6},
        "optimiser": {"steps": 4, "lr": 1e-3},
        "schedule": {"sizes": [[0.0, 32]], "report_every": 1},
    }
    table = {**base, **tables}
    table["optimiser"] = {"precision": "float32", **table["optimiser"]}  # as measured, it could differ from run to run
    return RunConfig.from_dict(table)


class TorchStem:
    """As the stem, but run by torch: converting a graph takes longer than all these pictures."""

    precision = "torch"

    def __init__(self, encoder, layers):
        self.encoder, self.layers = encoder, torch.nn.Sequential(*layers)

    def __call__(self, images):
        with torch.inference_mode():
            return self.layers((images - self.encoder.mean) / self.encoder.std)
