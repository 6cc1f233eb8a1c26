"""The figures of merit against slow literal versions of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retrieval.evaluation import metrics


def literal_average_precision(row):
    return sum(sum(row[: r + 1]) / (r + 1) for r in range(len(row)) if row[r]) / sum(row)


def literal_precision(row, k):
    return sum(row[:k]) / k


def literal_recall(row, k):
    return sum(row[:k]) / sum(row)


def literal_r_precision(row):
    return sum(row[: sum(row)]) / sum(row)


def literal_reciprocal_rank(row):
    return 1 / (list(row).index(True) + 1)


def literal_ndcg(row, k):
    gain = sum(1 / math.log2(r + 2) for r in range(min(k, len(row))) if row[r])
    return gain / sum(1 / math.log2(r + 2) for r in range(min(k, sum(row))))


def literal_cmc(row, k):
    return 1.0 if any(row[:k]) else 0.0


LITERAL = {"mAP": literal_average_precision, "R-precision": literal_r_precision, "MRR": literal_reciprocal_rank}
LITERAL_AT = {"P": literal_precision, "R": literal_recall, "nDCG": literal_ndcg, "CMC": literal_cmc}


def literal(name, row):
    stem, _, k = name.partition("@")
    return LITERAL_AT[stem](row, int(k)) if k else LITERAL[name](row)


@pytest.mark.parametrize("name", metrics.catalogue((1, 3, 10, 60)))
def test_each_metric_agrees_with_its_definition(name):
    generator = np.random.default_rng(3)
    hits = generator.random((80, 40)) < generator.random((80, 1))
    hits[:, 7] |= ~hits.any(axis=1)
    expected = [literal(name, [bool(hit) for hit in row]) for row in hits]
    np.testing.assert_allclose(metrics.catalogue((1, 3, 10, 60))[name](hits), expected, rtol=1e-12)


@pytest.mark.parametrize("name", metrics.catalogue((1, 5)))
def test_a_query_without_a_relevant_answer_has_no_score(name):
    hits = np.array([[False, False, False], [False, True, False]])
    scores = metrics.catalogue((1, 5))[name](hits)
    assert np.isnan(scores[0])
    assert np.isfinite(scores[1])


def test_a_worked_example():
    hits = np.array([[True, False, True, False, False, True]])
    figures = {name: float(metric(hits)[0]) for name, metric in metrics.catalogue((2,)).items()}
    assert figures["mAP"] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert figures["R-precision"] == pytest.approx(2 / 3)
    assert figures["MRR"] == 1
    assert figures["P@2"] == pytest.approx(0.5)
    assert figures["R@2"] == pytest.approx(1 / 3)
    assert figures["nDCG@2"] == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert figures["CMC@2"] == 1
