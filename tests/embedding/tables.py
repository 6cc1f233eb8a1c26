"""A word table of few words in four dimensions, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrieval.embedding import word_table
from retrieval.embedding.word_table import WordTable

ROWS = {
    "the": (0.1, 0, 0, 0.1), "dog": (1, 0, 0, 0), "red": (0, 0, 0.6, 0), "cat": (0.6, 0.8, 0, 0), "hat": (0, 1, 0, 0),
    "sun": (0, 0, 0, 1), "t-shirt": (0, 0, 1, 1), "run": (1, 0, 0, 1), "horse": (0.8, 0, 0.6, 0),
    "狗": (1, 0, 0, 0), "帽子": (0, 1, 0, 0), "t恤": (0, 0, 1, 1), "的": (0.1, 0.1, 0, 0),
    "hot dog": (0, 0, 1, 0), "beagle": (0.9, 0.1, 0, 0), "猎犬": (0.9, 0, 0.1, 0),
}  # fmt: skip
GRAMMAR = ("the", "的")
CLASSES = ("dog", "beagle", "hat", "hot dog", "猎犬", "帽子")


def table(
    rows: Mapping[str, Sequence[float]] = ROWS,
    *,
    classes: Sequence[str] = CLASSES,
    weights_sha256: str = "0" * 64,
    rank: int = 4,
) -> WordTable:
    """The table of these words and their vectors."""
    words = tuple(rows)
    levels, scales, basis = word_table.pack(np.array(list(rows.values()), np.float32), rank=rank)
    weights = np.array([0.05 if word in GRAMMAR else 1 for word in words], np.float16)
    places = np.array([words.index(word) for word in classes], np.int32)
    return WordTable(words, levels, scales, weights, basis, places, weights_sha256)
