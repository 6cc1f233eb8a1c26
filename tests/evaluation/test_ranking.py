"""Rankings against a slow reference, for every measure, block size and tie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.errors import InvalidInput
from retrieval.evaluation import ranking
from tests.embedding.distances import DISTANCES

BY_HAND = {
    "cosine": lambda x, y: 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y),
    "euclidean": lambda x, y: np.linalg.norm(x - y),
    "pearson": lambda x, y: 1 - np.corrcoef(x, y)[0, 1],
}


def literal_order(queries, gallery, measure):
    distances = np.array([[BY_HAND[measure](x, y) for y in gallery] for x in queries])
    return np.argsort(distances, axis=1, kind="stable")


@pytest.mark.parametrize("measure", ranking.MEASURES)
def test_the_order_is_that_of_the_measure(measure):
    generator = np.random.default_rng(1)
    queries, gallery = 3 + generator.normal(size=(20, 8)), 3 + generator.normal(size=(50, 8))
    found = ranking.nearest(queries, gallery, k=50, measure=measure)
    np.testing.assert_array_equal(found, literal_order(queries, gallery, measure))


def test_equal_scores_stand_in_gallery_order_and_minus_infinity_last():
    scores = np.array([[0.5, -1, 0.5, 0.0, -0.0, -np.inf, 2, -1]], np.float32)
    np.testing.assert_array_equal(ranking.ranked(scores), [[6, 0, 2, 3, 4, 1, 7, 5]])


def test_any_scores_are_sorted_like_a_stable_sort():
    scores = np.random.default_rng(5).integers(-4, 4, (30, 200)).astype(np.float32) / 3
    np.testing.assert_array_equal(ranking.ranked(scores), np.argsort(-scores, axis=1, kind="stable"))


def test_blocks_cover_every_query_once(monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK_CELLS", 70)
    assert list(ranking.blocks(7, 20)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(ranking.blocks(2, 1000)) == [slice(0, 1), slice(1, 2)]


def test_the_block_size_does_not_change_the_answer(monkeypatch):
    vectors = np.random.default_rng(2).normal(size=(60, 16)).astype(np.float32)
    whole = ranking.nearest(vectors, vectors, k=5)
    monkeypatch.setattr(ranking, "BLOCK_CELLS", 100)
    np.testing.assert_array_equal(ranking.nearest(vectors, vectors, k=5), whole)


def test_distances_far_from_the_origin_keep_their_digits():
    generator = np.random.default_rng(4)
    gallery = 1000 + generator.normal(size=(40, 8))
    np.testing.assert_array_equal(
        ranking.nearest(gallery, gallery, k=40, measure="euclidean"), literal_order(gallery, gallery, "euclidean")
    )


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_a_zero_vector_neither_fails_nor_wins(measure):
    gallery = np.array([[0.0, 0, 0], [1, 2, 4], [-1, -2, -4]])
    assert ranking.nearest(gallery[1:2], gallery, k=3, measure=measure).tolist() == [[1, 0, 2]]


@pytest.mark.parametrize(
    ("queries", "gallery", "measure"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), "cosine"),
        (np.ones(3), np.ones((2, 3)), "cosine"),
        (np.array([[np.nan, 1]]), np.ones((2, 2)), "cosine"),
        (np.ones((2, 2)), np.array([[np.inf, 1]]), "euclidean"),
        (np.ones((2, 2)), np.ones((2, 2)), "no such"),
    ],
)
def test_vectors_that_cannot_be_ranked_are_refused(queries, gallery, measure):
    with pytest.raises(InvalidInput):
        ranking.scorer(queries, gallery, measure=measure)


@pytest.mark.parametrize("measure", ranking.MEASURES)
def test_rankings_agree_with_the_tensor_reference(measure):
    vectors = torch.from_numpy(np.random.default_rng(6).normal(size=(70, 12)).astype(np.float32))
    _, expected = DISTANCES[measure].nearest(vectors[:9], vectors, k=20)
    found = ranking.nearest(vectors[:9].numpy(), vectors.numpy(), k=20, measure=measure)
    np.testing.assert_array_equal(found, expected)


def test_two_stages_put_the_first_answers_of_the_coarse_one_in_the_order_of_the_fine_one():
    generator = np.random.default_rng(7)
    coarse, fine = (generator.normal(size=(40, 6)).astype(np.float32) for _ in range(2))
    stages = [ranking.scorer(vectors, vectors, measure="cosine") for vectors in (coarse, fine)]
    found = ranking.ranked(ranking.TwoStage(*stages, keep=10).scores(slice(0, 5)))
    first, second = (ranking.ranked(stage.scores(slice(0, 5))) for stage in stages)
    for row in range(5):
        candidates = set(first[row, :10].tolist())
        assert found[row, :10].tolist() == [item for item in second[row].tolist() if item in candidates]
        assert found[row, 10:].tolist() == first[row, 10:].tolist()
