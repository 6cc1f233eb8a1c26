"""Smaller encoders made of a given one: in whole numbers, or with fewer dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.embedding import quantization
from retrieval.embedding.encoder import Encoder
from retrieval.embedding.projection import Floats, fit_pca_whitening
from retrieval.errors import InvalidInput


def in_int8(encoder: Encoder, *, batches: Sequence[Tensor]) -> Encoder:
    """The encoder with its convolutions in 8 bits, calibrated on pictures: float (N, 3, H, W) in 0..1.

    Raises InvalidInput when it is so already.
    """
    if encoder.spec.precision == "int8":
        raise InvalidInput.of("precision", "The encoder computes in 8 bits already.")
    rounded = Encoder(replace(encoder.spec, precision="int8"))
    quantization.calibrate(encoder, target=rounded, batches=batches)
    return rounded


@torch.no_grad()
def in_fewer_dimensions(encoder: Encoder, *, vectors: Floats, dimension: int) -> Encoder:
    """The encoder followed by a PCA-whitening of its own vectors (N, D), as one linear projection.

    With W and m of the whitening and the projection A x + b it had, the new one is W A x + W (b - m). W is scaled so
    that the strongest direction keeps its length: whatever size the vectors have, half precision can hold it. Raises
    InvalidInput when the vectors do not span so many dimensions.
    """
    fitted = fit_pca_whitening(vectors, dimension=dimension)
    rotation = torch.from_numpy(fitted.matrix / np.linalg.norm(fitted.matrix[0]))
    matrix, shift = _affine(encoder)
    smaller = Encoder(replace(encoder.spec, projection="linear", dimension=dimension))
    smaller.backbone.load_state_dict(encoder.backbone.state_dict())
    smaller.pooling.load_state_dict(encoder.pooling.state_dict())
    head = smaller.projection
    if not isinstance(head, nn.Linear):
        raise TypeError(f"the projection 'linear' is a {type(head).__name__}")
    head.weight.copy_(rotation @ matrix)
    head.bias.copy_(rotation @ (shift - torch.from_numpy(fitted.mean)))
    return smaller


def _affine(encoder: Encoder) -> tuple[Tensor, Tensor]:
    """The projection as matrix (D, C) and shift (D,): what it makes of nothing, and of one channel at a time."""
    channels = encoder.spec.channels
    with torch.inference_mode():
        shift = encoder.projection(torch.zeros(1, channels))[0]
        matrix = (encoder.projection(torch.eye(channels)) - shift).T
    return matrix.clone(), shift.clone()
