"""How like real pictures generated ones are: the Frechet distance between what an encoder says of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def frechet_distance(first: Floats, second: Floats) -> float:
    """Distance of two normal distributions fitted to vectors (N, D) and (M, D); smaller is more alike, 0 the same.

    |mean difference|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), Heusel et al.: GANs Trained by a Two Time-Scale Update Rule
    (2017), equation 6. It depends on the encoder and on the number of vectors: compare only what was measured alike.
    """
    means = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * _trace_of_root(one, other))


def _trace_of_root(one: Floats, other: Floats) -> float:
    """tr((C1 C2)^(1/2)): the eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2)."""
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return float(np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum())
