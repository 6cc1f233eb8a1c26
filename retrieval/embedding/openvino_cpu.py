"""The network as an OpenVINO graph on the CPU: several times quicker than torch, converted once and kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from retrieval.embedding.encoder import Encoder
from retrieval.embedding.preprocessing import STEP, Pixels
from retrieval.embedding.runtime import Vectors, from_bytes
from retrieval.openvino_core import core, ov

logger = logging.getLogger(__name__)

PRECISIONS = {"bf16": "bf16", "fp32": "f32"}  # our word -> OpenVINO's


class OpenVINORuntime:
    """A compiled graph with one request per thread that is waiting for it."""

    batch = 8  # larger batches fall out of the CPU's cache and gain nothing

    def __init__(self, model: ov.Model, *, precision: str) -> None:
        self._precision = precision
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": PRECISIONS[precision]}
        self._compiled = core().compile_model(model, "CPU", hints)
        self._idle: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()

    @property
    def name(self) -> str:
        """``openvino-`` and the precision."""
        return f"openvino-{self._precision}"

    def start(self, batch: Pixels) -> Callable[[], Vectors]:
        """As the contract says; the work goes on outside Python until the returned function is called."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        request.start_async({0: batch})

        def wait() -> Vectors:
            request.wait()
            vectors: Vectors = request.get_output_tensor(0).data.copy()
            self._idle.put(request)
            return vectors

        return wait


def precisions() -> list[str]:
    """The precisions worth trying on this CPU, quickest first: bf16 only where the hardware has it."""
    capable = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["bf16", "fp32"] if capable else ["fp32"]


def graph(encoder: Encoder, *, cache: Path) -> ov.Model:
    """The encoder's graph, from the cache or converted and put there; takes uint8 (N, H, W, 3).

    Raises RuntimeError where it cannot be converted.
    """
    spec = encoder.spec
    if spec.resize == "aspect" and spec.pooling == "rmac":
        raise RuntimeError("the regions of R-MAC depend on the shape of each picture")
    folder = cache / _key(encoder)
    if not folder.exists():
        _keep(_convert(encoder), folder)
    return core().read_model(folder / "graph.xml")


def _key(encoder: Encoder) -> str:
    """A digest of everything the graph depends on: spec, weights, versions and this package's own code."""
    digest = hashlib.sha256(json.dumps([encoder.spec.to_dict(), ov.__version__, torch.__version__]).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
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
    with warnings.catch_warnings(), torch.no_grad():  # not inference_mode: tensors made under it cannot be traced
        # R-MAC's regions become constants, which is right: then the input has one size.
        warnings.simplefilter("ignore", TracerWarning)
        # Traced here, because OpenVINO traces three times over to compare; the choice of a runtime compares anyway.
        traced = torch.jit.trace(_FromBytes(encoder).eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        return ov.convert_model(traced, example_input=example, input=[[-1, free, free, 3]])


def _keep(model: ov.Model, folder: Path) -> None:
    """Write the graph whole or not at all: another process may be looking for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "graph"
        ov.save_model(model, made / "graph.xml", compress_to_fp16=False)
        try:
            made.rename(folder)
        except OSError:
            logger.info("Another process has just kept the same graph in %s.", folder)
