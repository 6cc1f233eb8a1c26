"""The quick runtime gives torch's vectors, from any thread, from the cache, and tells nobody."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from retrieval.embedding import Encoder, EncoderSpec, conversion, openvino_cpu
from retrieval.embedding.choice import least_cosine, probe_pictures

WIDTHS = (*[8] * 17, 16)


@pytest.mark.parametrize("precision", openvino_cpu.PRECISIONS)
@pytest.mark.parametrize(
    "spec",
    [
        EncoderSpec("mobilenet_v2", image_size=64, widths=WIDTHS),
        EncoderSpec("mobilenet_v2", image_size=64, pooling="rmac", widths=WIDTHS),
        EncoderSpec("mobilenet_v2", image_size=64, pooling="gem", projection="linear", dimension=8, resize="aspect",
                    widths=WIDTHS),
    ],
    ids=["avg", "rmac", "gem-linear-aspect"],
)  # fmt: skip
def test_vectors_are_torchs(graphs, pictures, precision, spec):
    encoder = Encoder(spec)
    expected = encoder.encode(pictures)
    encoder.runtime = openvino_cpu.OpenVINORuntime(conversion.graph(encoder, cache=graphs), precision=precision)
    found = encoder.encode(pictures)
    assert encoder.runtime.name == f"openvino-{precision}"
    assert least_cosine(found, expected) >= 0.998
    if precision == "fp32":
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_many_threads_get_their_own_answers(graphs, tiny):
    runtime = openvino_cpu.OpenVINORuntime(conversion.graph(tiny, cache=graphs), precision="fp32")
    probes = probe_pictures(64)
    single = [runtime.start(probes[row : row + 1])() for row in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            found = pool.map(lambda row: runtime.start(probes[row : row + 1])(), range(8))
            for vector, expected in zip(found, single, strict=True):
                np.testing.assert_allclose(vector, expected, rtol=1e-5)


def test_graph_is_converted_once_per_weights(tmp_path, tiny, monkeypatch):
    made = conversion.graph(tiny, cache=tmp_path)
    monkeypatch.setattr(conversion, "_convert", lambda _: pytest.fail("converted again"))
    conversion.graph(Encoder(tiny.spec), cache=tmp_path)
    converted = []
    monkeypatch.setattr(conversion, "_convert", lambda encoder: converted.append(encoder) or made)
    with torch.no_grad():
        tiny.backbone.features[0][0].weight[0, 0, 0, 0] += 1
    conversion.graph(tiny, cache=tmp_path)
    assert converted == [tiny]
    assert len(list(tmp_path.iterdir())) == 2


def test_regions_of_free_shape_cannot_be_converted(tmp_path):
    spec = EncoderSpec("mobilenet_v2", image_size=64, pooling="rmac", resize="aspect", widths=WIDTHS)
    with pytest.raises(RuntimeError, match="R-MAC"):
        conversion.graph(Encoder(spec), cache=tmp_path)


QUIET = """
import sys
touched = []
sys.addaudithook(lambda event, _: touched.append(event) if event.startswith(("socket.", "urllib.")) else None)
from pathlib import Path
from retrieval.embedding import Encoder, EncoderSpec, conversion, openvino_cpu
encoder = Encoder(EncoderSpec("mobilenet_v2", image_size=32, widths=(8,) * 18))
openvino_cpu.OpenVINORuntime(conversion.graph(encoder, cache=Path(sys.argv[1])), precision="fp32")
assert not touched, touched
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
import openvino.tools.ovc.telemetry_utils as used
assert used.tm.__name__ == "openvino.tools.ovc.telemetry_stub", used.tm
print("quiet")
"""


def test_nothing_phones_home(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "quiet", done.stderr
