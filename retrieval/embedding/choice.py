"""Choose what runs an encoder on this machine: the quickest runtime that gives torch's vectors, by measurement."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from retrieval.embedding import conversion, kept_choice, openvino_cpu
from retrieval.embedding.encoder import Encoder
from retrieval.embedding.preprocessing import Pixels, resized
from retrieval.embedding.runtime import Runtime, Vectors
from retrieval.embedding.torch_runtime import TorchRuntime

logger = logging.getLogger(__name__)

LEAST_COSINE = 0.998
PROBES = 8
ROUNDS = 5
BY_FAR = 3.0


def use_quickest(encoder: Encoder, *, cache: Path, weights_sha256: str | None = None) -> Encoder:
    """Put the quickest runtime into the encoder and return it; ``cache`` keeps converted graphs between starts.

    On a GPU that is torch. On a CPU it is OpenVINO, in bf16 where the hardware has it and the vectors hold, unless
    torch is quicker here. Every step back is logged with its reason. With ``weights_sha256`` (empty for an encoder
    without weights) the choice of a graph is kept, too; torch, which may be chosen only because the machine is busy, is
    measured again at the next start.
    """
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    encoder.runtime = TorchRuntime(encoder.to(device))
    if device == "cpu":
        encoder.runtime = _quickest_on_cpu(encoder, cache)
    if weights_sha256 is not None and isinstance(encoder.runtime, openvino_cpu.OpenVINORuntime):
        chosen = kept_choice.Choice(conversion.key(encoder), encoder.runtime.precision)
        kept_choice.keep(chosen, spec=encoder.spec, weights_sha256=weights_sha256, cache=cache)
    logger.info("The encoder %s runs by %s.", encoder.spec.backbone, encoder.runtime.name)
    return encoder


def _quickest_on_cpu(encoder: Encoder, cache: Path) -> Runtime:
    probes = probe_pictures(encoder.spec.image_size)
    expected = encoder.runtime.start(probes)()
    try:
        model = conversion.graph(encoder, cache=cache)
        other = _first_that_holds(lambda precision: openvino_cpu.OpenVINORuntime(model, precision=precision),
                                  probes=probes, expected=expected)  # fmt: skip
    except (RuntimeError, OSError) as error:
        logger.warning("OpenVINO cannot run %s, torch does: %s", encoder.spec.backbone, error)
        return encoder.runtime
    if other is None or not quicker(other, encoder.runtime, probes=probes):
        logger.warning("Torch stays the quickest runtime for %s.", encoder.spec.backbone)
        return encoder.runtime
    return other


def _first_that_holds(make: Callable[[str], Runtime], *, probes: Pixels, expected: Vectors) -> Runtime | None:
    for precision in openvino_cpu.precisions():
        runtime = make(precision)
        cosine = least_cosine(runtime.start(probes)(), expected)
        if cosine >= LEAST_COSINE:
            return runtime
        logger.warning("%s gives other vectors than torch (cosine %.4f) and is not used.", runtime.name, cosine)
    return None


def probe_pictures(side: int) -> Pixels:
    """A few smooth coloured patterns, always the same: uint8 (8, side, side, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (PROBES, 8, 8, 3), dtype=np.uint8)
    return np.stack([resized(picture, (side, side)) for picture in coarse])


def least_cosine(a: Vectors, b: Vectors) -> float:
    """The smallest cosine between the rows of a and b (N, D)."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())


def quicker(first: Runtime, second: Runtime, *, probes: Pixels) -> bool:
    """Is the first the quicker one? In turns, so that other work on the machine hits both; the best turn counts.

    As soon as the first is quicker by far, as is usual, no more turns are needed: they were most of the time that an
    encoder takes to load. The second has to show it in all of them.
    """
    ours = theirs = math.inf
    for _ in range(ROUNDS):
        ours, theirs = min(ours, seconds(first, probes)), min(theirs, seconds(second, probes))
        if BY_FAR * ours <= theirs:
            break
    return ours <= theirs


def seconds(runtime: Runtime, probes: Pixels) -> float:
    """The time one batch takes, in seconds; the runtime has run before."""
    begun = time.perf_counter()
    runtime.start(probes)()
    return time.perf_counter() - begun
