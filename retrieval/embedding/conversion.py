"""A network converted to an OpenVINO graph, once: the graph is kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from retrieval.embedding import kept_choice, openvino_cpu, tracing
from retrieval.embedding.encoder import Encoder
from retrieval.embedding.preprocessing import STEP
from retrieval.embedding.torch_runtime import from_bytes
from retrieval.openvino_core import ov

logger = logging.getLogger(__name__)


def graph(encoder: Encoder, *, cache: Path) -> ov.Model:
    """The encoder's graph, from the cache or converted and put there; takes uint8 (N, H, W, 3).

    Raises RuntimeError where it cannot be converted.
    """
    spec = encoder.spec
    if spec.resize == "aspect" and spec.pooling == "rmac":
        raise RuntimeError("the regions of R-MAC depend on the shape of each picture")
    folder = cache / key(encoder)
    if not folder.exists():
        _keep(_convert(encoder), folder)
    return openvino_cpu.read(folder)


def key(encoder: Encoder) -> str:
    """A digest of everything the graph depends on: spec, weights, versions and this package's own code."""
    about = [encoder.spec.to_dict(), ov.__version__, torch.__version__, kept_choice.code()]
    digest = hashlib.sha256(json.dumps(about).encode())
    for value in encoder.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


class _FromBytes(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        vectors: Tensor = from_bytes(self.network, batch)
        return vectors


def _convert(encoder: Encoder) -> ov.Model:
    side = encoder.spec.image_size
    free = side
    if encoder.spec.resize == "aspect":  # sides come in steps, and padding is traced for one rest of a division
        side, free = max(side // STEP, 1) * STEP, -1
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    return tracing.graph(_FromBytes(encoder), example, shape=(-1, free, free, 3))


def _keep(model: ov.Model, folder: Path) -> None:
    """Write the graph whole or not at all: another process may be looking for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "graph"
        ov.save_model(model, made / openvino_cpu.GRAPH, compress_to_fp16=False)
        try:
            made.rename(folder)
        except OSError:
            logger.info("Another process has just kept the same graph in %s.", folder)
