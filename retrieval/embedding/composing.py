"""A linear map put behind an encoder, as one linear projection; and read back from two such encoders."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.embedding.encoder import Encoder
from retrieval.embedding.projection import PCA
from retrieval.embedding.whitening import Floats, Whitening
from retrieval.errors import InvalidInput

# Directions of a projection weaker than this share of the strongest are lost in the halves that vectors are stored in.
WEAKEST = 1e-4
# How much of the composed projection may be left unexplained: far above what halves round off, far below another one.
UNEXPLAINED = 0.02


@dataclass(frozen=True)
class Step:
    """The map from one encoder's raw vectors to the other's: ``x @ matrix.T + shift``, matrix (D, C), shift (D,)."""

    matrix: Floats
    shift: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Raw vectors (N, C) of the first -> raw vectors (N, D) of the second."""
        return vectors @ self.matrix.T + self.shift


@torch.no_grad()
def followed_by(encoder: Encoder, fitted: Whitening) -> Encoder:
    """The encoder with the whitening behind it, as one linear projection.

    With W and m of the whitening and the projection A x + b it had, the new one is W A x + W (b - m). W is scaled so
    that the strongest direction keeps its length: whatever size the vectors have, half precision can hold it. Raises
    InvalidInput for a projection that is not linear.
    """
    rotation = torch.from_numpy(fitted.matrix / np.linalg.norm(fitted.matrix[0]))
    matrix, shift = _affine(encoder)
    smaller = Encoder(replace(encoder.spec, projection="linear", dimension=len(rotation)))
    smaller.backbone.load_state_dict(encoder.backbone.state_dict())
    smaller.pooling.load_state_dict(encoder.pooling.state_dict())
    head = smaller.projection
    if not isinstance(head, nn.Linear):
        raise TypeError(f"the projection 'linear' is a {type(head).__name__}")
    head.weight.copy_(rotation @ matrix)
    head.bias.copy_(rotation @ (shift - torch.from_numpy(fitted.mean)))
    return smaller


def step(source: Encoder, *, composed: Encoder) -> Step:
    """What was put behind ``source`` to get ``composed``; raises InvalidInput when that is not how it came about.

    With A y + b of the source and P y + p of the composed one, over the same pooled y, the step is
    P A+ x + (p - P A+ b), A+ the pseudo-inverse: exact on every vector that the source can give, with the rounding that
    the composed file holds.
    """
    if source.spec.channels != composed.spec.channels:
        raise InvalidInput.of("source", "The two encoders do not share a backbone.")
    first, first_shift = (part.double().numpy() for part in _affine(source))
    second, second_shift = (part.double().numpy() for part in _affine(composed))
    matrix = second @ np.linalg.pinv(first, rcond=WEAKEST)
    if np.linalg.norm(matrix @ first - second) > UNEXPLAINED * np.linalg.norm(second):
        raise InvalidInput.of("source", "The one encoder's vectors are not a linear function of the other's.")
    shift = second_shift - matrix @ first_shift
    return Step(matrix.astype(np.float32), shift.astype(np.float32))


def _affine(encoder: Encoder) -> tuple[Tensor, Tensor]:
    """The projection as matrix (D, C) and shift (D,). Raises InvalidInput for one that is no such thing."""
    match encoder.projection:
        case nn.Identity():
            return torch.eye(encoder.spec.channels), torch.zeros(encoder.spec.channels)
        case PCA() as pca:
            return pca.matrix.clone(), -(pca.matrix @ pca.mean)
        case nn.Linear() as head:
            return head.weight.detach().clone(), head.bias.detach().clone()
    kind = type(encoder.projection).__name__
    raise InvalidInput.of("projection", f"A projection of the kind {kind} is not linear; nothing can be put behind it.")
