"""Pictures of any size go in, raw vectors come out, in order and always the same."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.embedding import Encoder, EncoderSpec, conversion, openvino_cpu
from retrieval.embedding.preprocessing import resized

WIDTHS = (*[8] * 17, 16)


def literal(encoder, picture):
    """One picture by the book: resize, 0..1, less the mean, over the spread, network."""
    small = resized(picture, (64, 64)).astype(np.float32) / 255
    normal = (small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    x = torch.from_numpy(normal.transpose(2, 0, 1)[None].astype(np.float32))
    with torch.inference_mode():
        return encoder.projection(encoder.pooling(encoder.backbone(x)))[0].numpy()


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "rmac"])
@pytest.mark.parametrize("resize", ["fixed", "aspect"])
def test_vectors_come_in_order_whatever_the_batch(pictures, pooling, resize):
    encoder = Encoder(EncoderSpec("mobilenet_v2", pooling=pooling, image_size=64, resize=resize, widths=WIDTHS))
    encoder.runtime.batch = 2
    together = encoder.encode(pictures)
    assert together.shape == (5, 16)
    assert together.dtype == np.float32
    for picture, vector in zip(pictures, together, strict=True):
        np.testing.assert_allclose(encoder.encode([picture])[0], vector, rtol=1e-3, atol=1e-5)


def test_encode_is_the_literal_pass(tiny, pictures):
    for picture, vector in zip(pictures, tiny.encode(pictures), strict=True):
        np.testing.assert_allclose(vector, literal(tiny, picture), rtol=1e-4, atol=1e-5)


RANGES = {
    (0, 1): {"mean": (0, 0, 0), "std": (1, 1, 1)},
    (-1, 1): {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    (0, 255): {"mean": (0, 0, 0), "std": (1 / 255, 1 / 255, 1 / 255)},
}


def fed_with(encoder, picture, low, high):
    small = resized(picture, (64, 64)).astype(np.float32) / 255 * (high - low) + low
    with torch.inference_mode():
        maps = encoder.backbone(torch.from_numpy(small.transpose(2, 0, 1)[None].astype(np.float32)))
        return encoder.pooling(maps).numpy()


@pytest.mark.parametrize("asked", RANGES)
def test_a_network_of_another_range_is_fed_with_it(tiny, pictures, asked):
    encoder = Encoder(replace(tiny.spec, **RANGES[asked]))
    expected = fed_with(encoder, pictures[0], *asked)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(encoder.encode(pictures[:1]), expected, rtol=1e-3, atol=1e-4 * largest)
    assert np.abs(tiny.encode(pictures[:1]) - expected).max() > 0.1 * largest


def test_openvino_feeds_the_range_too(tiny, pictures, graphs):
    encoder = Encoder(replace(tiny.spec, **RANGES[-1, 1]))
    expected = fed_with(encoder, pictures[0], -1, 1)
    encoder.runtime = openvino_cpu.OpenVINORuntime(conversion.graph(encoder, cache=graphs), precision="fp32")
    np.testing.assert_allclose(encoder.encode(pictures[:1]), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def quarters(maps):
    """By channel: the means of top left, top right, bottom left, bottom right; the middle of odd sides in both."""
    height, width = ((side + 1) // 2 for side in maps.shape[1:])
    return [
        part.mean()
        for channel in maps
        for rows in (channel[:height], channel[-height:])
        for part in (rows[:, :width], rows[:, -width:])
    ]


def parts_literal(encoder, picture):
    """Each wanted map by a network of its own that ends there, and the last map."""
    small = torch.from_numpy(resized(picture, (96, 96)).transpose(2, 0, 1)[None].copy()).float() / 255
    x = (small - encoder.mean) / encoder.std
    features, found = encoder.backbone.features, []
    for stage in range(len(features)):
        with torch.inference_mode():
            maps = features[: stage + 1](x.clone())[0].numpy()
        if stage in (*encoder.spec.levels, len(features) - 1):
            found.extend(maps.mean(axis=(1, 2)))
        if stage in encoder.spec.quarters:
            found.extend(quarters(maps))
    return np.array(found)


def test_earlier_maps_are_pooled_before_the_last(tiny, pictures, graphs):
    encoder = Encoder(replace(tiny.spec, levels=(3, 11), quarters=(11, 16), dimension=0, image_size=96))
    expected = np.stack([parts_literal(encoder, picture) for picture in pictures])
    assert expected.shape == (5, 24 + 96 + 4 * 96 + 4 * 160 + 16)
    np.testing.assert_allclose(encoder.encode(pictures), expected, rtol=1e-3, atol=1e-5)
    encoder.runtime = openvino_cpu.OpenVINORuntime(conversion.graph(encoder, cache=graphs), precision="fp32")
    np.testing.assert_allclose(encoder.encode(pictures), expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max())


def test_vectors_are_not_normalised(tiny, pictures):
    assert not np.allclose(np.linalg.norm(tiny.encode(pictures), axis=1), 1)


def test_no_pictures_give_no_vectors(tiny):
    assert tiny.encode([]).shape == (0, 16)


def test_untrained_weights_are_the_same_every_time_and_leave_the_generator_alone(tiny, pictures):
    state = torch.get_rng_state()
    again, other = Encoder(tiny.spec), Encoder(tiny.spec, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(again.encode(pictures), tiny.encode(pictures))
    assert not np.allclose(other.encode(pictures), tiny.encode(pictures))


def test_encode_while_training_is_as_in_evaluation_and_goes_on_training(tiny, pictures):
    expected = tiny.encode(pictures)
    tiny.train()
    np.testing.assert_array_equal(tiny.encode(pictures), expected)
    assert tiny.training


def test_a_copy_encodes_by_its_own_weights(tiny, pictures):
    copy = deepcopy(tiny)
    with torch.no_grad():
        for value in copy.parameters():
            value.zero_()
    assert not copy.encode(pictures).any()
    assert tiny.encode(pictures).any()


def test_linear_and_fully_connected_compose():
    spec = EncoderSpec("mobilenet_v2", projection="linear", dimension=4, image_size=64, widths=WIDTHS)
    encoder = Encoder(spec)
    assert encoder.features(torch.rand(1, 3, 64, 64)).shape == (1, 16)
    assert encoder(torch.rand(1, 3, 64, 64)).shape == (1, 4)
