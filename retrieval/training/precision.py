"""The precision that training computes in: measured on this machine with a step of the run itself."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from retrieval.embedding import precisions
from retrieval.training.recipe import Batch, Recipe

AUTO, SINGLE, HALF = "auto", "float32", "bfloat16"
GAIN = 1.2  # how many times quicker bfloat16 has to be: below that its rounding buys nothing


def loss_of(recipe: Recipe, batch: Batch, *, precision: str) -> dict[str, Tensor]:
    """The parts of a recipe's loss, computed in a precision."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == HALF):
        return recipe.step(batch)


def measured(recipe: Recipe, batch: Batch) -> dict[str, float]:
    """Seconds of one step of the recipe in each precision that this processor computes in; the recipe stays as it is.

    Single precision alone where the processor has no bfloat16 of its own: imitated, it takes many times as long.
    """
    kept = {name: value.clone() for name, value in recipe.state_dict().items()}
    tried = (SINGLE, HALF) if "bf16" in precisions() else (SINGLE,)
    taken = {precision: _seconds(recipe, batch, precision) for precision in tried}
    recipe.load_state_dict(kept)
    recipe.zero_grad(set_to_none=True)
    return taken


def quickest(seconds: dict[str, float]) -> str:
    """The precision to compute in: bfloat16 only where it is clearly quicker."""
    return HALF if seconds.get(HALF, float("inf")) * GAIN < seconds[SINGLE] else SINGLE


def _seconds(recipe: Recipe, batch: Batch, precision: str) -> float:
    """The processor's time of the second of two steps: other work on the machine does not count."""
    began = 0.0
    for _ in range(2):
        began = time.process_time()
        torch.autograd.backward(loss_of(recipe, batch, precision=precision)["loss"])
    return time.process_time() - began
