"""A network as an OpenVINO graph on the CPU: several times quicker than torch, and without it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path

from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.runtime import Vectors
from retrieval.openvino_core import core, ov

GRAPH = "graph.xml"
PRECISIONS = {"bf16": "bf16", "fp32": "f32"}  # our word -> OpenVINO's


class OpenVINORuntime:
    """A compiled graph with one request per thread that is waiting for it."""

    batch = 8  # larger batches fall out of the CPU's cache and gain nothing

    def __init__(self, model: ov.Model, *, precision: str) -> None:
        self.precision = precision
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": PRECISIONS[precision]}
        self._compiled = core().compile_model(model, "CPU", hints)
        self._idle: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()

    @property
    def name(self) -> str:
        """``openvino-`` and the precision."""
        return f"openvino-{self.precision}"

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


def read(folder: Path) -> ov.Model:
    """The graph kept in a folder. Raises RuntimeError where there is none that can be read."""
    return core().read_model(folder / GRAPH)
