"""The record of a run: what was trained, on what, with which versions, how long it took, and the curve."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retrieval import whole_files
from retrieval.training.config import RunConfig
from retrieval.training.state import Point, State


@dataclass(frozen=True)
class Record:
    """Everything needed to know, and to repeat, a run; ``seconds`` is time in training steps, without measuring.

    ``files``: what the run kept besides the encoder, by name with its SHA-256. ``precision``: what it computed in.
    ``notes``: sentences on what was other than asked; ``left_out``: each picture that could not be read, and why.
    """

    config: Mapping[str, Any]
    data_digest: str
    weights_sha256: str
    versions: Mapping[str, str]
    machine: str
    steps: int
    pictures_seen: int
    seconds: float
    best_score: float | None
    curve: Sequence[Point]
    files: Mapping[str, str] = field(default_factory=dict)
    precision: str = "float32"
    notes: Sequence[str] = ()
    left_out: Sequence[str] = ()

    @classmethod
    def of(cls, state: State, config: RunConfig, *, data_digest: str, sha256: str) -> Record:
        """The record of a state."""
        return cls(
            config=config.to_dict(),
            data_digest=data_digest,
            weights_sha256=sha256,
            versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            machine=f"{os.cpu_count()} CPU cores, {platform.machine()}, {torch.get_num_threads()} threads",
            steps=state.step,
            pictures_seen=state.step * config.batch_size,
            seconds=round(state.seconds, 1),
            best_score=state.best if np.isfinite(state.best) else None,
            curve=tuple(state.curve),
            precision=state.precision,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def write(record: Record, path: Path) -> None:
    """Write it as JSON, whole or not at all."""
    whole_files.write(path, json.dumps(record.to_dict(), indent=1, allow_nan=False))
