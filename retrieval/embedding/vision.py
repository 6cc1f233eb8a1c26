"""torchvision, loaded once it is needed, also where its operators were made for another torch than is installed."""

from __future__ import annotations

import importlib.util
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

# Object detection needs these two operators; importing torchvision registers shapes for them and fails when they are
# not defined. No classification network calls them.
_DETECTION_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _compiled_operators() -> Path | None:
    """The shared library inside the installed torchvision, found without importing it."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.glob("_C*.so"))), None)


def _define_missing_operators() -> torch.library.Library | None:
    """Load torchvision's operators, or declare them; None when the real ones fit this torch."""
    library = _compiled_operators()
    if library is not None:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            pass  # built for another torch (a CPU torch beside a CUDA torchvision): declare them below
        else:
            return None
    declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _DETECTION_OPERATORS:
        declared.define(schema)  # type: ignore[no-untyped-call]
    return declared


@cache
def models() -> Any:
    """torchvision's ``models``, loaded by the first who asks: it costs two seconds and 70 MB, and most never do."""
    _declared.append(_define_missing_operators())
    return import_module("torchvision.models")


# Declarations live as long as their object does.
_declared: list[torch.library.Library | None] = []
