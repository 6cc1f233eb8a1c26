"""All that a run has to remember to go on exactly where it stopped, written as one file, whole or not at all."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

from retrieval import whole_files
from retrieval.embedding import checkpoint
from retrieval.errors import InvalidInput
from retrieval.training.recipe import Recipe


@dataclass
class Point:
    """One row of the curve: the step, how long the run had taken, and numbers by name."""

    step: int
    seconds: float
    values: dict[str, float]


@dataclass
class State:
    """A run between two steps: ``step`` counts those that are done; ``precision`` is what they are computed in."""

    recipe: Recipe
    optimiser: AdamW
    average: dict[str, Tensor]
    step: int = 0
    seconds: float = 0.0
    curve: list[Point] = field(default_factory=list)
    best: float = float("-inf")
    waited: int = 0
    precision: str = ""

    def save(self, path: Path) -> None:
        """Write everything to ``path``; on a full disk nothing is left of the attempt."""
        numbers = {name: getattr(self, name) for name in ("step", "seconds", "best", "waited", "precision")}
        data = {
            **numbers,
            "recipe": self.recipe.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "curve": [asdict(point) for point in self.curve],
        }
        keep(data, path)

    def load(self, path: Path) -> None:
        """Take over what ``save`` wrote; raises InvalidInput when it is of another run."""
        data = kept(path)
        try:
            self.recipe.load_state_dict(data["recipe"])
            self.optimiser.load_state_dict(data["optimiser"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise InvalidInput.of("resume", f"{path.name} belongs to another run: {error}") from error
        self.average = data["average"]
        self.curve = [Point(**point) for point in data["curve"]]
        self.step, self.seconds = data["step"], data["seconds"]
        self.best, self.waited = data["best"], data["waited"]
        self.precision = data.get("precision", "")  # a checkpoint of before this was kept does not have it


def keep(data: Any, path: Path) -> None:
    """Write what torch can, whole or not at all; on a full disk nothing is left of the attempt."""
    with whole_files.replacing(path) as file:  # a file, as torch's own error for a full disk does not say so
        torch.save(data, file)


def kept(path: Path) -> dict[str, Any]:
    """What ``keep`` wrote; raises InvalidInput for a file that is missing, cut off or of another kind."""
    try:
        data: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, *checkpoint.BROKEN) as error:
        raise InvalidInput.of("resume", f"{path} cannot be read; begin anew.") from error
    if not isinstance(data, dict):
        raise InvalidInput.of("resume", f"{path} is no checkpoint; begin anew.")
    return data
