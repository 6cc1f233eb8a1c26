"""Pictures encoded per second, by backbone and runtime, against torch's bare eager forward pass in the same run.

Usage: python -m bench.encode [resnet50 mobilenet_v2 ...] [--pictures 32] [--json FILE]

``encode() 640x480`` is the whole way from a decoded picture: resize, normalise, network. ``encode() 224x224`` leaves
the resize out. The bare pass is fp32, channels_last, on float tensors that are ready.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retrieval.embedding import Encoder, EncoderSpec, conversion, openvino_cpu, preprocessing
from retrieval.embedding.choice import least_cosine
from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.runtime import Runtime
from retrieval.embedding.torch_runtime import TorchRuntime

BATCH = 16
ROUNDS = 5


def pictures(count: int) -> list[Pixels]:
    """Pictures of 640 x 480 with areas, edges and noise; what is in them does not matter to the time."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (count, 12, 16, 3), dtype=np.uint8)
    return [np.ascontiguousarray(preprocessing.resized(picture, (640, 480))) for picture in coarse]


def eager(encoder: Encoder, small: Sequence[Pixels]) -> Callable[[], object]:
    """The bare forward pass: prepared float tensors in, channels_last, fp32, nothing else in the measured time."""
    network = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255

    def run() -> object:
        with torch.inference_mode():
            return [network(part) for part in x.split(BATCH)]

    return run


def rates(ways: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Pictures per second of each way: the best of some rounds, taken in turn so that a busy moment hits all alike."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, run in ways.items():
            begun = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begun)
    return {name: round(count / seconds, 1) for name, seconds in best.items()}


def runtimes(encoder: Encoder) -> list[Runtime]:
    """Torch, and OpenVINO in each precision this CPU has."""
    with tempfile.TemporaryDirectory() as folder:
        model = conversion.graph(encoder, cache=Path(folder))
        quick = [openvino_cpu.OpenVINORuntime(model, precision=one) for one in openvino_cpu.precisions()]
    return [TorchRuntime(encoder), *quick]


def measure(backbone: str, large: Sequence[Pixels]) -> dict[str, Any]:
    """All ways for one backbone, with their ratios to the bare pass and their least cosine to torch."""
    encoder = Encoder(EncoderSpec(backbone))
    small = [preprocessing.resized(picture, (224, 224)) for picture in large]
    ways: dict[str, Callable[[], object]] = {}
    cosines = {}
    expected = encoder.encode(small[:4])
    for runtime in runtimes(encoder):
        for size, given in (("640x480", large), ("224x224", small)):
            ways[f"{runtime.name} encode() {size}"] = lambda runtime=runtime, given=given: by(encoder, runtime, given)
        cosines[runtime.name] = round(least_cosine(by(encoder, runtime, small[:4]), expected), 5)
    ways["torch eager, forward only"] = eager(encoder, small)
    rate = rates(ways, len(large))
    bare = rate["torch eager, forward only"]
    return {"rate": rate, "ratio": {name: round(one / bare, 2) for name, one in rate.items()}, "cosine": cosines}


def by(encoder: Encoder, runtime: Runtime, given: Sequence[Pixels]) -> Any:
    """Encode by a certain runtime."""
    encoder.runtime = runtime
    return encoder.encode(given)


def show(backbone: str, found: dict[str, Any]) -> None:
    """Print one backbone's table."""
    print(f"\n{backbone}: pictures/s, times the bare forward pass   (least cosine to torch: {found['cosine']})")
    for name, rate in found["rate"].items():
        print(f"  {name:34} {rate:8.1f} {found['ratio'][name]:7.2f} x")


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("backbones", nargs="*", default=["resnet50", "mobilenet_v2", "resnet18"])
    parser.add_argument("--pictures", type=int, default=2 * BATCH)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    large, results = pictures(options.pictures), {}
    for backbone in options.backbones:
        results[backbone] = measure(backbone, large)
        show(backbone, results[backbone])
    if options.json:
        machine = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
        options.json.write_text(json.dumps({**machine, "backbones": results}, indent=1))


if __name__ == "__main__":
    main()
