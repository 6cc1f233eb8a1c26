"""Fewer dimensions: one linear projection that does what the old one and a whitening do in turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.compression import smaller
from retrieval.embedding import Encoder, EncoderSpec, fit_pca_whitening
from retrieval.errors import InvalidInput


@pytest.mark.parametrize(("projection", "dimension"), [("identity", 0), ("linear", 24), ("pca", 24)])
def test_the_projection_and_the_whitening_become_one(projection, dimension):
    spec = EncoderSpec("mobilenet_v2", image_size=32, projection=projection, dimension=dimension)
    encoder = Encoder(spec)
    if projection == "pca":
        features = np.random.default_rng(1).normal(size=(40, 1280)).astype(np.float32)
        encoder.projection.set(fit_pca_whitening(features, dimension=24))
    if projection == "linear":
        torch.nn.init.normal_(encoder.projection.bias)
    vectors = np.random.default_rng(0).normal(1, 2, size=(60, encoder.spec.dimension)).astype(np.float32)
    found = smaller.in_fewer_dimensions(encoder, vectors=vectors, dimension=8)
    whitening = fit_pca_whitening(vectors, dimension=8, power=0)
    pictures = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        expected = (
            (encoder(pictures).numpy() - whitening.mean) @ whitening.matrix.T / np.linalg.norm(whitening.matrix[0])
        )
        np.testing.assert_allclose(found(pictures).numpy(), expected, rtol=1e-3, atol=1e-4)
    assert (found.spec.projection, found.spec.dimension) == ("linear", 8)


def test_too_few_pictures_are_refused():
    encoder = Encoder(EncoderSpec("mobilenet_v2", image_size=32))
    with pytest.raises(InvalidInput):
        smaller.in_fewer_dimensions(encoder, vectors=np.ones((4, 1280), np.float32), dimension=8)


def test_vectors_of_any_size_fit_into_half_precision():
    encoder = Encoder(EncoderSpec("mobilenet_v2", image_size=32))
    vectors = np.random.default_rng(0).normal(size=(20, 1280)).astype(np.float32) * np.float32(1e-10)
    found = smaller.in_fewer_dimensions(encoder, vectors=vectors, dimension=4)
    assert found.projection.weight.half().isfinite().all()
    assert float(found.projection.weight[0].detach().norm()) == pytest.approx(1, rel=1e-4)
