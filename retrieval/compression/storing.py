"""Ways to store an encoder's vectors that compression compares: what they cost, how they rank, how quick a scan is."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from retrieval.compression import codes
from retrieval.compression.codes import Codes
from retrieval.compression.table import BITS, FULL, STORED
from retrieval.evaluation import ranking

Floats = NDArray[np.float32]
Coder = Callable[[Floats], Codes]

CANDIDATES = 800  # that signs hand over for re-ranking, as many as ``search.query`` takes
SEARCHED = 20_000  # rows, the set's own repeated: the time of a scan does not depend on what they say
ANSWERS, QUERIES = 24, 20


def coders(calibration: Floats) -> dict[str, Coder]:
    """Ways to store the vectors of the whole encoder; ``calibration`` (M, D) are vectors of ordinary pictures."""
    signs = partial(codes.to_signs, calibration=calibration)
    return {
        FULL: codes.to_float,
        STORED: codes.to_half,
        BITS: lambda vectors: codes.Reranked(signs(vectors), codes.to_half(vectors), CANDIDATES),
    }


def scorer(asked: Codes, stored: Codes) -> ranking.Scores:
    """How stored queries rank stored vectors; both are stored in the same way."""
    match asked, stored:
        case codes.Reranked(), codes.Reranked():
            coarse, fine = scorer(asked.coarse, stored.coarse), scorer(asked.fine, stored.fine)
            return ranking.TwoStage(coarse, fine, keep=stored.keep)
        case codes.Signs(), codes.Signs():
            # A power of two, so that equally many different bits stay exactly equal scores.
            share = np.float32(2.0 ** -len(stored.centre).bit_length())
            return ranking.Scorer(asked.decode(), stored.decode() * share, np.zeros(len(stored.words), np.float32))
        case codes.Flat(), codes.Flat():
            return ranking.scorer(asked.decode(), stored.decode(), measure="cosine")
    raise TypeError("queries and gallery are stored in different ways")


def query_ms(vectors: Floats, coder: Coder) -> float:
    """The quickest of twenty scans of 20,000 vectors stored that way, in milliseconds; queries are not stored."""
    stored = coder(np.resize(vectors, (SEARCHED, vectors.shape[1])))
    queries = codes.unit(vectors[:QUERIES])
    return 1000 * min(seconds(partial(stored.nearest, query, ANSWERS)) for query in queries)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
