"""Made-up vectors with neighbours worth finding, of two kinds: along a curved manifold, and in clusters far apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Manifold:
    """Points like pooled features of a network: a random two-layer rectified map of few hidden coordinates."""

    HIDDEN, WIDE, CLUSTERS = 24, 128, 400

    def __init__(self, dimension: int, *, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        draw = self.random.standard_normal
        self.centres = 1.6 * draw((self.CLUSTERS, self.HIDDEN), dtype=np.float32)
        weights = self.random.pareto(1.2, self.CLUSTERS) + 0.1
        self.weights = weights / weights.sum()
        self.first = draw((self.HIDDEN, self.WIDE), dtype=np.float32) / np.sqrt(self.HIDDEN)
        self.second = draw((self.WIDE, dimension), dtype=np.float32) / np.sqrt(self.WIDE)

    def points(self, count: int) -> Floats:
        """New points (count, dimension)."""
        cluster = self.random.choice(self.CLUSTERS, count, p=self.weights)
        hidden = self.centres[cluster] + 0.6 * self.random.standard_normal((count, self.HIDDEN), dtype=np.float32)
        wide = np.maximum(hidden @ self.first, 0)
        features = np.maximum(wide @ self.second + 0.2, 0)
        noise = 0.05 * self.random.standard_normal(features.shape, dtype=np.float32)
        points: Floats = np.maximum(features + noise, 0)
        return points


class Clusters:
    """Points in many small clusters, each as far from every other: hard for a graph, which finds all of one or little.

    As ``tests/chaos/crowd.py`` has them.
    """

    CLUSTERS = 2_500

    def __init__(self, dimension: int, *, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        numbers = np.arange(self.CLUSTERS)[:, None] * (np.arange(dimension) + 2)
        self.centres = np.sin(0.37 * numbers).astype(np.float32)

    def points(self, count: int) -> Floats:
        """New points (count, dimension)."""
        cluster = self.random.integers(self.CLUSTERS, size=count)
        spread = self.random.random((count, self.centres.shape[1]), dtype=np.float32) - np.float32(0.5)
        points: Floats = self.centres[cluster] + np.float32(0.3) * spread
        return points


KINDS = {"manifold": Manifold, "clusters": Clusters}
