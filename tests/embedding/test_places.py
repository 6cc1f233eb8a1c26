"""What each place adds to a vector: all places together are the vector, whatever pools and projects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from retrieval.embedding import Encoder, EncoderSpec, checkpoint, places
from retrieval.embedding.pooling import AveragePool, QuarterPool
from retrieval.errors import Conflict
from retrieval.matching import explain

WIDTHS = (*[8] * 17, 16)
WEIGHTS = Path(__file__).parents[2] / "retrieval" / "weights" / "compact-v1.safetensors"


def made(pooling, projection="linear"):
    spec = EncoderSpec("mobilenet_v2", pooling=pooling, projection=projection, dimension=7, image_size=96,
                       resize="aspect", widths=WIDTHS)  # fmt: skip
    encoder = Encoder(spec)
    if projection == "linear":
        torch.nn.init.normal_(encoder.projection.bias)
    else:
        encoder.projection.mean.normal_()
        encoder.projection.matrix.normal_()
    return encoder


@pytest.mark.parametrize("projection", ["linear", "pca"])
@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "rmac"])
def test_all_places_sum_to_the_vector(pictures, pooling, projection):
    encoder = made(pooling, projection)
    for picture in pictures:
        (vector,) = encoder.encode([picture])
        np.testing.assert_allclose(encoder.places(picture).sum(axis=(0, 1)), vector, rtol=1e-3, atol=1e-4)


def test_a_place_of_an_average_adds_its_own_projection(pictures):
    encoder = made("avg")
    with torch.no_grad():
        maps = encoder.backbone(torch.rand(1, 3, 96, 64))

    got = places.added([(maps, encoder.pooling)], projection=encoder.projection)
    _, _, height, width = maps.shape
    for y in range(height):
        for x in range(width):
            expected = encoder.projection.weight @ maps[0, :, y, x] + encoder.projection.bias
            torch.testing.assert_close(got[y, x], expected / (height * width), rtol=1e-4, atol=1e-6)


def test_places_of_earlier_maps_count_where_they_lie(pictures):
    spec = replace(made("avg").spec, levels=(3,), quarters=(11, 16))
    encoder = Encoder(spec)
    torch.nn.init.normal_(encoder.projection.bias)
    for picture in pictures:
        (vector,) = encoder.encode([picture])
        np.testing.assert_allclose(encoder.places(picture).sum(axis=(0, 1)), vector, rtol=1e-3, atol=1e-4)


def test_a_place_adds_to_its_own_quarters():
    """A map of 4 x 2 places beside a last one of 2 x 2: of a column's four places two lie in each row of quarters."""
    early, last = torch.zeros(1, 1, 4, 2), torch.zeros(1, 1, 2, 2)
    early[0, 0, 1, 0], early[0, 0, 3, 1] = 6, 10
    got = places.added([(early, QuarterPool()), (last, AveragePool())], projection=torch.nn.Identity())
    expected = torch.zeros(2, 2, 5)
    expected[0, 0, 0], expected[1, 1, 3] = 3, 5
    torch.testing.assert_close(got, expected)


def test_a_network_without_places_says_so(pictures):
    encoder = Encoder(EncoderSpec("resnet18", pooling="fc", projection="linear", dimension=8))
    with pytest.raises(Conflict) as error:
        encoder.places(pictures[0])
    assert error.value.code == "no_places"


def drawn(seed, size):
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def test_the_overlay_of_the_bundled_encoder_sums_to_the_cosine():
    encoder = checkpoint.load(WEIGHTS)
    one, other = drawn(1, (320, 240)), drawn(2, (200, 300))
    vectors = encoder.encode([one, other])
    cosine = float(vectors[0] @ vectors[1] / np.prod(np.linalg.norm(vectors, axis=1)))
    found = explain(encoder.places(one), encoder.places(other))
    assert found.query.size > 20
    for total in (found.cosine, found.query.sum(), found.result.sum()):
        assert total == pytest.approx(cosine, abs=1e-4)
