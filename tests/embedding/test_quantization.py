"""Convolutions in whole numbers: against integer arithmetic by hand, through a file, and through OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from retrieval.compression import smaller
from retrieval.embedding import Encoder, EncoderSpec, checkpoint, conversion, openvino_cpu
from retrieval.embedding.quantization import QuantizedConv2d, prepare
from retrieval.errors import InvalidInput, WeightsError
from retrieval.training.recipe import batch_norms

SPEC = EncoderSpec("mobilenet_v2", image_size=64)


def smooth(count, seed=0):
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, size=64, mode="bilinear")


@pytest.fixture(scope="module")
def pair():
    encoder = Encoder(SPEC)
    return encoder, smaller.in_int8(encoder, batches=[smooth(16)])


@pytest.fixture(scope="module")
def lively():
    """In int8, with the statistics of pictures in all layers: random weights alone fade to nothing in fifty of them."""
    encoder = Encoder(SPEC)
    for layer in batch_norms(encoder):
        layer.momentum = 1.0
    with torch.no_grad():
        encoder.train()(smooth(16, seed=1))
    return smaller.in_int8(encoder.eval(), batches=[smooth(16)])


def least_cosine(a, b):
    return float(nn.functional.cosine_similarity(torch.as_tensor(a), torch.as_tensor(b)).min())


def literal_convolution(convolution, x, low, high):
    """Whole numbers multiplied and added as whole numbers, and scaled at the end."""
    step = (max(high, 0) - min(low, 0)) / 255
    zero = round(-min(low, 0) / step)
    inputs = (x.double() / step).round().add(zero).clamp(0, 255) - zero
    scales = convolution.weight.detach().double().abs().amax(dim=(1, 2, 3)) / 127
    weights = (convolution.weight.detach().double() / scales.view(-1, 1, 1, 1)).round()
    sums = nn.functional.conv2d(inputs, weights, padding=convolution.padding, groups=convolution.groups)
    return sums * step * scales.view(1, -1, 1, 1) + convolution.bias.detach().double().view(1, -1, 1, 1)


@pytest.mark.parametrize(("groups", "low", "high"), [(1, -1.5, 2.0), (4, 0.2, 1.0), (1, -2.0, -1.0)])
def test_it_is_integer_arithmetic(groups, low, high):
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(4, 8, 3, padding=1, groups=groups), torch.randn(2, 4, 5, 5) * 2
    rounded = QuantizedConv2d(convolution)
    rounded.fill(convolution, low=low, high=high)
    expected = literal_convolution(convolution, x, low, high)
    torch.testing.assert_close(rounded(x).double(), expected, rtol=1e-4, atol=1e-4)
    assert rounded.weight.dtype == torch.int8


def test_every_convolution_of_the_network_is_replaced(pair):
    encoder, rounded = pair
    kinds = [type(module) for module in rounded.modules()]
    assert nn.Conv2d not in kinds
    assert kinds.count(QuantizedConv2d) == [type(module) for module in encoder.modules()].count(nn.Conv2d)
    assert rounded.spec.precision == "int8"


def test_vectors_stay_close_to_those_of_the_whole_network(pair):
    encoder, rounded = pair
    with torch.inference_mode():
        assert least_cosine(encoder(smooth(8, seed=1)), rounded(smooth(8, seed=1))) > 0.97


def test_the_ranges_are_the_mean_of_the_pictures_extremes():
    encoder = Encoder(SPEC)
    pictures = smooth(6)
    first = smaller.in_int8(encoder, batches=[pictures[:4], pictures[4:]]).backbone.get_submodule("features.0.0")
    seen = (pictures - encoder.mean) / encoder.std
    low, high = float(seen.amin(dim=(1, 2, 3)).mean()), float(seen.amax(dim=(1, 2, 3)).mean())
    assert float(first.step) == pytest.approx((high - low) / 255, rel=1e-5)
    assert int(first.zero) == round(-low / (high - low) * 255)


def test_the_file_is_half_as_large_and_gives_the_same_vectors(pair, tmp_path):
    encoder, rounded = pair
    checkpoint.save(encoder, tmp_path / "whole.safetensors")
    digest = checkpoint.save(rounded, tmp_path / "int8.safetensors")
    loaded = checkpoint.load(tmp_path / "int8.safetensors", sha256=digest)
    assert loaded.spec == rounded.spec
    with torch.inference_mode():
        assert torch.equal(loaded(smooth(2)), rounded(smooth(2)))
    assert (tmp_path / "int8.safetensors").stat().st_size < 0.65 * (tmp_path / "whole.safetensors").stat().st_size


def test_one_that_was_never_calibrated_cannot_be_loaded(tmp_path):
    checkpoint.save(
        Encoder(EncoderSpec("mobilenet_v2", image_size=64, precision="int8")), tmp_path / "empty.safetensors"
    )
    with pytest.raises(WeightsError, match="not finite"):
        checkpoint.load(tmp_path / "empty.safetensors")


def test_openvino_computes_the_same_in_whole_numbers(lively, tmp_path):
    batch = (smooth(4, seed=2).permute(0, 2, 3, 1) * 255).byte().numpy()
    graph = conversion.graph(lively, cache=tmp_path)
    assert "FakeQuantize" in {operation.get_type_name() for operation in graph.get_ops()}
    found = openvino_cpu.OpenVINORuntime(graph, precision="fp32").start(batch)()
    # Random weights pass every last-digit difference on through fifty layers; trained ones stay above 0.998.
    assert least_cosine(found, lively.runtime.start(batch)()) > 0.97


def test_twice_is_refused(pair):
    with pytest.raises(InvalidInput, match="already"):
        smaller.in_int8(pair[1], batches=[smooth(2)])


def test_other_layers_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False)))
    prepare(network)
    assert [type(module).__name__ for module in network.modules()] == [
        "Sequential", "QuantizedConv2d", "Sequential", "BatchNorm2d", "QuantizedConv2d",
    ]  # fmt: skip
    assert np.isnan(network[0].scale.numpy()).all()
