"""EfficientNet-Lite is what its published weights were made for: names, shapes, and each step written out slowly."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional

from retrieval.compression import smaller
from retrieval.embedding import Encoder, EncoderSpec, checkpoint, conversion, networks, openvino_cpu
from retrieval.embedding.backbones import REGISTRY, get
from retrieval.embedding.choice import least_cosine, probe_pictures
from retrieval.embedding.efficientnet_lite import SamePadding, efficientnet_lite
from retrieval.training.recipe import freeze_stages, stages

# By block: how far it strides. Written out, as the code multiplies a table.
STRIDES = {
    "efficientnet_lite0": [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1],
    "efficientnet_lite2": [1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1],
}
# SHA-256 of the sorted lines "name shape" of the published files, without the classifier.
PUBLISHED = {
    "efficientnet_lite0": "759faa91833b5dd41cbe6fca7659c1f5af8901548ef93f206582e1a79d7a7417",
    "efficientnet_lite2": "93a2199def8a9192dd0b02bbf3d0dfd863ad9191a53350cb2f42ec5fdc8a8127",
}
NAMES = tuple(STRIDES)


def with_numbers(name: str, **spec) -> Encoder:
    """Weights and batch statistics that keep maps alive through all blocks."""
    encoder = Encoder(EncoderSpec(name, **{"image_size": 64, **spec}))
    draw = torch.Generator().manual_seed(1)
    for key, value in encoder.backbone.state_dict().items():
        if key.endswith("running_mean") or key.endswith("bias"):
            value.copy_(torch.randn(value.shape, generator=draw) / 4)
        elif value.ndim == 1:
            value.copy_(torch.rand(value.shape, generator=draw) + 0.5)
        elif value.ndim == 4:
            value.copy_(torch.randn(value.shape, generator=draw) * (1.5 / value[0].numel()) ** 0.5)
    return encoder


@pytest.fixture
def tiny(monkeypatch):
    """The name of a network of the same parts, a few channels wide: converting the whole one takes long."""
    made = partial(efficientnet_lite, width=0.2, depth=0.3)
    monkeypatch.setitem(networks.MADE, "tiny", made)
    monkeypatch.setitem(REGISTRY, "tiny", replace(get("efficientnet_lite0"), name="tiny"))
    return "tiny"


def literal_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: ceil(size / stride) places, zeros shared evenly, the odd one behind."""
    places = -(-size // stride)
    needed = (places - 1) * stride + kernel
    before = max(needed - size, 0) // 2
    return before, max(needed - size, 0) - before


def literal_unit(state, name: str, maps, *, stride: int = 1, rectify: bool = True):
    weight = state[f"{name}.0.weight"]
    top, bottom = literal_padding(maps.shape[2], weight.shape[2], stride)
    left, right = literal_padding(maps.shape[3], weight.shape[3], stride)
    padded = maps.new_zeros(*maps.shape[:2], maps.shape[2] + top + bottom, maps.shape[3] + left + right)
    padded[:, :, top : top + maps.shape[2], left : left + maps.shape[3]] = maps
    found = functional.conv2d(padded, weight, stride=stride, groups=maps.shape[1] // weight.shape[1])
    mean, var, scale, shift = (
        state[f"{name}.1.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    found = (found - mean) / (var + 1e-3).sqrt() * scale + shift
    return found.clamp(0, 6) if rectify else found


def literal(state, strides, pixels):
    """The network by the book, from pixels in 0..255 to the pooled vector."""
    maps = literal_unit(state, "stem", (pixels - 127) / 128, stride=2)
    for number, stride in enumerate(strides):
        name, before = f"blocks.{number}", maps
        if f"{name}.expand.0.weight" in state:
            maps = literal_unit(state, f"{name}.expand", maps)
        maps = literal_unit(state, f"{name}.depthwise", maps, stride=stride)
        maps = literal_unit(state, f"{name}.project", maps, rectify=False)
        if maps.shape == before.shape:
            maps = maps + before
    return literal_unit(state, "head", maps).mean(dim=(2, 3))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(64, 64), (45, 67)], ids=["even", "odd"])
def test_vectors_are_the_literal_networks(name, shape):
    encoder = with_numbers(name)
    pixels = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = literal(encoder.backbone.state_dict(), STRIDES[name], pixels * 255)
        found = encoder(pixels)
    assert expected.std() > 0.01  # not faded to nothing
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_those_of_the_published_weights(name):
    state = networks.build(get(name)).state_dict()
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items() if not key.endswith("batches_tracked"))
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == PUBLISHED[name]


@pytest.mark.parametrize("size", [5, 7, 8, 112, 113])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_strided_layer_sees_what_tensorflow_would(size, kernel):
    row = torch.randn(size, generator=torch.Generator().manual_seed(size)).tolist()
    taps = [1.0 + n for n in range(kernel)]
    before, _ = literal_padding(size, kernel, 2)
    expected = [
        sum(tap * row[at] for n, tap in enumerate(taps) if 0 <= (at := place * 2 - before + n) < size)
        for place in range(math.ceil(size / 2))
    ]
    weight = torch.zeros(1, 1, kernel, kernel)
    weight[0, 0, kernel // 2] = torch.tensor(taps)
    found = functional.conv2d(SamePadding(kernel, 2)(torch.tensor([row] * size)[None, None]), weight, stride=2)
    np.testing.assert_allclose(found[0, 0, 0].numpy(), expected, rtol=1e-4, atol=1e-4)


def test_a_file_without_counters_and_with_a_classifier_is_taken(tiny, tmp_path):
    encoder = with_numbers(tiny)
    plain = {key: value for key, value in encoder.backbone.state_dict().items() if "batches_tracked" not in key}
    torch.save({**plain, "classifier.weight": torch.zeros(10, 1280)}, tmp_path / "plain.pth")
    found = checkpoint.load(tmp_path / "plain.pth", spec=encoder.spec)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(found(pixels), encoder(pixels))


@pytest.mark.parametrize(
    "spec",
    [{"image_size": 64}, {"image_size": 80}, {"image_size": 80, "resize": "aspect"}],
    ids=["even", "odd maps", "aspect, though the nominal side leaves odd maps"],
)
def test_openvino_gives_torchs_vectors(tiny, graphs, pictures, spec):
    encoder = with_numbers(tiny, **spec)
    expected = encoder.encode(pictures)
    encoder.runtime = openvino_cpu.OpenVINORuntime(conversion.graph(encoder, cache=graphs), precision="fp32")
    np.testing.assert_allclose(encoder.encode(pictures), expected, atol=1e-4 * np.abs(expected).max())


def test_in_whole_numbers_it_is_nearly_the_same(tiny, graphs):
    encoder = with_numbers(tiny)
    probes = probe_pictures(64)
    pixels = torch.from_numpy(probes).permute(0, 3, 1, 2).float() / 255
    rounded = smaller.in_int8(encoder, batches=[pixels])
    expected = encoder.encode(list(probes))
    assert least_cosine(rounded.encode(list(probes)), expected) > 0.95
    runtime = openvino_cpu.OpenVINORuntime(conversion.graph(rounded, cache=graphs), precision="fp32")
    assert least_cosine(runtime.start(probes)(), expected) > 0.95


@pytest.mark.parametrize(("name", "count"), [("efficientnet_lite0", 18), ("efficientnet_lite2", 23)])
def test_each_block_is_a_stage_that_can_be_frozen(name, count):
    encoder = with_numbers(name)
    layers = stages(encoder)
    assert len(layers) == count
    freeze_stages(encoder, 3)
    free = [any(weight.requires_grad for weight in layer.parameters()) for layer in layers]
    assert free == [False] * 3 + [True] * (count - 3)
    maps = pixels = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for layer in layers:
            maps = layer(maps)
        torch.testing.assert_close(maps, encoder.backbone(pixels))
