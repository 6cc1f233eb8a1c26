"""The projections do what their formulas say, and never guess."""

from __future__ import annotations

import numpy as np
import torch

from retrieval.embedding import Encoder, EncoderSpec, fit_pca_whitening
from retrieval.embedding.projection import PCA, PROJECTIONS

X = (np.random.default_rng(5).normal(size=(200, 6)) * [9, 5, 3, 2, 1, 0.5] + 4).astype(np.float32)


def test_projection_is_the_literal_sum():
    fitted = fit_pca_whitening(X, dimension=2)
    layer = PCA(6, 2)
    layer.set(fitted)
    literal = [[sum((x[c] - fitted.mean[c]) * fitted.matrix[d, c] for c in range(6)) for d in range(2)] for x in X[:5]]
    np.testing.assert_allclose(layer(torch.from_numpy(X[:5])).numpy(), literal, rtol=1e-4, atol=1e-5)


def test_fresh_linear_head_keeps_angles_as_far_as_it_can():
    head = PROJECTIONS["linear"](64, 16)
    torch.testing.assert_close(head.weight @ head.weight.T, torch.eye(16), atol=1e-5, rtol=0)


def test_pca_that_was_never_fitted_gives_no_numbers(pictures):
    spec = EncoderSpec("mobilenet_v2", projection="pca", dimension=8, image_size=64, widths=(*[8] * 17, 16))
    assert np.isnan(Encoder(spec).encode(pictures[:1])).all()
