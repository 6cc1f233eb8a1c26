"""What teachers say of every picture: vectors over several sizes and mirrored, whitened to the student's dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.embedding.encoder import Encoder
from retrieval.embedding.preprocessing import Pixels
from retrieval.embedding.whitening import Whitening, fit_pca_whitening
from retrieval.training.augment import plain
from retrieval.training.stem import Stem

Floats = NDArray[np.float32]
_BATCH = 32
POWER = 0.1  # of the eigenvalues: best of 0, 0.1 and 0.25 over 13 labelled sources of the training corpus


def pooled(encoder: Encoder, pixels: Pixels, *, sizes: Sequence[int], mirrored: bool = True) -> Floats:
    """Mean over sizes (and mirror images) of the pooled vectors: uint8 (N, S, S, 3) -> float32 (N, C)."""
    network = Stem(encoder, [encoder.backbone, encoder.pooling])
    found = np.zeros((len(pixels), encoder.spec.channels), np.float32)
    for start in range(0, len(pixels), _BATCH):
        rows = slice(start, start + _BATCH)
        found[rows] = _mean_over_views(network, torch.from_numpy(np.ascontiguousarray(pixels[rows])), sizes, mirrored)
    return found


def _mean_over_views(network: Stem, pixels: Tensor, sizes: Sequence[int], mirrored: bool) -> Floats:
    views = [plain(pixels, size=size) for size in sizes]
    if mirrored:
        views += [view.flip(3) for view in views]
    mean: Floats = np.mean([network(view).numpy() for view in views], axis=0, dtype=np.float32)
    return mean


def whitened(vectors: Sequence[Floats], *, dimension: int) -> tuple[Floats, Whitening]:
    """One target for each picture from one or several teachers' vectors, each (N, C_i): ((N, D), the fit).

    Several are each brought to unit length and put side by side before the whitening, so that none outweighs another.
    """
    parts = vectors if len(vectors) == 1 else [part / np.linalg.norm(part, axis=1, keepdims=True) for part in vectors]
    joined = np.concatenate(parts, axis=1)
    fitted = fit_pca_whitening(joined, dimension=dimension, power=POWER)
    return ((joined - fitted.mean) @ fitted.matrix.T).astype(np.float32), fitted


@torch.no_grad()
def put_whitening(projection: nn.Module, fitted: Whitening) -> None:
    """Make a linear projection compute this whitening."""
    if not isinstance(projection, nn.Linear):
        raise TypeError("only a linear projection can start as a whitening")
    projection.weight.copy_(torch.from_numpy(fitted.matrix))
    projection.bias.copy_(torch.from_numpy(-fitted.matrix @ fitted.mean))
