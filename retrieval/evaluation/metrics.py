"""Figures of merit of ranked answers: one row of hits per query in, one number per query out.

Every function takes ``hits``, a boolean array (Q, N): ``hits[q, r]`` says whether the answer at rank r (nearest first)
is relevant to query q. Answers that a query may not see, itself for one, stand at the end as misses. A query without a
relevant answer has no score: its number is NaN, and whoever averages leaves it out and says how many there were.
Relevance is yes or no throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Scores = NDArray[np.float64]
Metric = Callable[[Hits], Scores]


def _positives(hits: Hits) -> Scores:
    """Number of relevant answers of each query; NaN for none, so that whatever it divides becomes NaN as well."""
    counts = hits.sum(axis=1).astype(np.float64)
    return np.where(counts > 0, counts, np.nan)


def _found(hits: Hits, k: int) -> Scores:
    """Number of relevant answers among the first k; NaN for a query without any."""
    return np.where(hits.any(axis=1), hits[:, :k].sum(axis=1), np.nan)


def average_precision(hits: Hits) -> Scores:
    """Mean of the precision at the rank of each relevant answer; its mean over queries is mAP.

    AP = 1/R sum_{j=1..R} j / rank_j, uninterpolated, over the whole ranking (Manning, Raghavan and Schuetze,
    Introduction to Information Retrieval, 2008, section 8.4).
    """
    queries, ranks = np.nonzero(hits)
    counts = hits.sum(axis=1)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    precision = (np.arange(len(ranks)) - before + 1) / (ranks + 1)
    return np.bincount(queries, weights=precision, minlength=len(hits)) / _positives(hits)


def precision_at(hits: Hits, k: int) -> Scores:
    """Share of relevant answers among the first k; always over k, so a class smaller than k cannot reach 1.

    P@k = |relevant in the first k| / k (same book, section 8.4).
    """
    return _found(hits, k) / k


def recall_at(hits: Hits, k: int) -> Scores:
    """Share of all relevant answers that stand among the first k: R@k = |relevant in the first k| / R (8.3)."""
    return _found(hits, k) / _positives(hits)


def r_precision(hits: Hits) -> Scores:
    """Precision at R, where R is the query's own number of relevant answers (same book, section 8.4)."""
    counts = hits.sum(axis=1, keepdims=True)
    width = int(counts.max(initial=0))
    found: Scores = (hits[:, :width] & (np.arange(width) < counts)).sum(axis=1) / _positives(hits)
    return found


def reciprocal_rank(hits: Hits) -> Scores:
    """1 / rank of the first relevant answer; its mean is MRR (Voorhees, The TREC-8 Question Answering Track, 1999)."""
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), np.nan)


def ndcg_at(hits: Hits, k: int) -> Scores:
    """Discounted gain of the first k over the best possible one.

    DCG@k = sum_{r=1..k} hit_r / log2(r + 1), divided by the same sum with all relevant answers first (Jaervelin and
    Kekaelaeinen, Cumulated gain-based evaluation of IR techniques, 2002; gain 1 for relevant, 0 otherwise).
    """
    depth = min(k, hits.shape[1])
    discount = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])
    return np.asarray(hits[:, :depth] @ discount / ideal[np.minimum(hits.sum(axis=1), depth)], np.float64)


def cmc_at(hits: Hits, k: int) -> Scores:
    """1 when a relevant answer stands among the first k, else 0: the cumulative match characteristic at k.

    Moon and Phillips, Computational and performance aspects of PCA-based face-recognition algorithms, 2001.
    """
    return np.minimum(_found(hits, k), 1)


class _AtK(Protocol):
    def __call__(self, hits: Hits, k: int) -> Scores: ...


AT_K: Mapping[str, _AtK] = {
    "P": precision_at,
    "R": recall_at,
    "nDCG": ndcg_at,
    "CMC": cmc_at,
}


def catalogue(ks: Sequence[int]) -> dict[str, Metric]:
    """Every measure by the name reports use: mAP, R-precision, MRR, and P, R, nDCG and CMC at each k."""
    whole: dict[str, Metric] = {"mAP": average_precision, "R-precision": r_precision, "MRR": reciprocal_rank}
    return whole | {f"{name}@{k}": partial(function, k=k) for name, function in AT_K.items() for k in ks}
