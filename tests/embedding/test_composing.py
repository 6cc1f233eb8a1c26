"""A map put behind an encoder, and found again from the two encoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from retrieval.embedding import Encoder, EncoderSpec, checkpoint, composing, fit_pca_whitening
from retrieval.errors import InvalidInput

DRAW = np.random.default_rng(2)


def encoder(projection="identity", dimension=0, precision="float"):
    spec = EncoderSpec(
        "mobilenet_v2", image_size=64, widths=(*[8] * 17, 16), projection=projection, dimension=dimension,
        precision=precision,
    )  # fmt: skip
    made = Encoder(spec)
    if projection == "pca":
        made.projection.set(fit_pca_whitening(DRAW.normal(size=(40, 16)).astype(np.float32), dimension=dimension))
    if projection == "linear":
        nn.init.normal_(made.projection.bias)
    return made


@pytest.mark.parametrize(("projection", "dimension"), [("identity", 0), ("linear", 12), ("pca", 12)])
def test_the_step_from_stored_vectors_is_what_the_composed_encoder_does(projection, dimension, pictures, tmp_path):
    source = encoder(projection, dimension)
    vectors = DRAW.normal(1, 2, size=(60, source.spec.dimension)).astype(np.float32)
    checkpoint.save(composing.followed_by(source, fit_pca_whitening(vectors, dimension=6)), tmp_path / "c.safetensors")
    composed = checkpoint.load(tmp_path / "c.safetensors")
    found = composing.step(source, composed=composed)
    assert (found.matrix.shape, found.shift.shape) == ((6, source.spec.dimension), (6,))
    np.testing.assert_allclose(found(source.encode(pictures)), composed.encode(pictures), rtol=1e-2, atol=2e-3)


def test_a_projection_that_gives_fewer_directions_than_numbers_is_no_trouble(pictures):
    source = encoder("linear", 12)
    with torch.no_grad():
        source.projection.weight[6:] = source.projection.weight[:6]
    vectors = DRAW.normal(1, 2, size=(60, 12)).astype(np.float32)
    composed = composing.followed_by(source, fit_pca_whitening(vectors, dimension=6))
    found = composing.step(source, composed=composed)
    np.testing.assert_allclose(found(source.encode(pictures)), composed.encode(pictures), rtol=1e-3, atol=1e-4)


def test_what_is_not_linear_is_refused():
    source = encoder()
    source.projection = nn.ReLU()
    with pytest.raises(InvalidInput, match="ReLU is not linear"):
        composing.followed_by(source, fit_pca_whitening(DRAW.normal(size=(40, 16)).astype(np.float32), dimension=4))


def test_encoders_that_have_nothing_to_do_with_each_other_are_refused():
    with pytest.raises(InvalidInput, match="not a linear function"):
        composing.step(encoder("linear", 4), composed=encoder("linear", 8))
    with pytest.raises(InvalidInput, match="share a backbone"):
        composing.step(encoder(), composed=Encoder(EncoderSpec("mobilenet_v2", image_size=64)))
