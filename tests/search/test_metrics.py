"""The SQL of each measure, its definition written out, and the encoder's own distances are the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from django.db.models.expressions import RawSQL

from retrieval.models import Embedding, Measure
from retrieval.search.metrics import METRICS
from tests.embedding import distances
from tests.factories import CollectionFactory
from tests.search.rows import DIMENSION, asked, put

pytestmark = pytest.mark.django_db

PAIRS = 200


def cosine(x, y):
    return 1 - sum(x * y) / (np.sqrt(sum(x * x)) * np.sqrt(sum(y * y)))


def euclidean(x, y):
    return np.sqrt(sum((x - y) ** 2))


def pearson(x, y):
    return cosine(x - sum(x) / len(x), y - sum(y) / len(y))


LITERAL = {Measure.COSINE: cosine, Measure.EUCLIDEAN: euclidean, Measure.PEARSON: pearson}


def by_sql(measure, query):
    distance = METRICS[measure].distance(asked(query))
    rows = Embedding.objects.annotate(found=RawSQL(distance.text, distance.values)).order_by("image_id")
    return np.array(rows.values_list("found", flat=True))


@pytest.mark.parametrize("measure", Measure)
def test_sql_tensors_and_definition_agree(measure, encoder):
    random = np.random.default_rng(3)
    raw = random.normal(0.3, 1, (PAIRS, DIMENSION)).astype(np.float32)
    put(CollectionFactory(), raw, encoder=encoder)
    queries = random.normal(0.3, 1, (PAIRS, DIMENSION)).astype(np.float32)
    literal = np.array([LITERAL[measure](x, y) for x, y in zip(raw.astype(float), queries.astype(float), strict=True)])
    sql = np.array([by_sql(measure, query)[row] for row, query in enumerate(queries)])
    measured = distances.DISTANCES[measure.value]
    tensors = measured.between(torch.from_numpy(queries), torch.from_numpy(raw)).diagonal().numpy()
    tensors = 1 - tensors if measured.larger_is_nearer else tensors
    assert sql == pytest.approx(literal, abs=1e-3 * max(1, literal.max()))
    assert tensors == pytest.approx(literal, abs=1e-4)


@pytest.mark.parametrize(
    ("measure", "distance"),
    [(Measure.EUCLIDEAN, np.sqrt(5)), (Measure.COSINE, 1 - 9 / np.sqrt(126)), (Measure.PEARSON, 1 + np.sqrt(3) / 2)],
)
def test_check_values(measure, distance, encoder):
    encoder.dimension = 3
    put(CollectionFactory(), np.array([[1, 2, 3]], dtype=np.float32), encoder=encoder)
    assert by_sql(measure, np.array([2, 2, 1], dtype=np.float32)) == pytest.approx([distance], abs=2e-3)


@pytest.mark.parametrize("measure", Measure)
def test_a_picture_is_at_distance_zero_of_itself(measure, encoder):
    random = np.random.default_rng(3)
    raw = random.normal(0, 30, (20, DIMENSION)).astype(np.float32)
    images = put(CollectionFactory(), raw, encoder=encoder)
    place = sorted(image.pk for image in images).index(images[4].pk)
    assert by_sql(measure, raw[4])[place] == pytest.approx(0, abs=1e-6)
    assert by_sql(measure, raw[4]).min() >= 0


def test_correlation_with_a_constant_vector_counts_as_none(encoder):
    random = np.random.default_rng(3)
    put(CollectionFactory(), np.array([np.ones(DIMENSION), np.zeros(DIMENSION)], dtype=np.float32), encoder=encoder)
    query = random.normal(0, 1, DIMENSION).astype(np.float32)
    assert by_sql(Measure.PEARSON, query) == pytest.approx([1, 1])
    assert by_sql(Measure.PEARSON, np.ones(DIMENSION, dtype=np.float32)) == pytest.approx([1, 1])


def test_zero_vector_has_the_right_euclidean_distance(encoder):
    put(CollectionFactory(), np.zeros((1, DIMENSION), dtype=np.float32), encoder=encoder)
    query = np.full(DIMENSION, 2, dtype=np.float32)
    assert by_sql(Measure.EUCLIDEAN, query) == pytest.approx([np.sqrt(4 * DIMENSION)], rel=1e-4)


@pytest.mark.parametrize(
    ("measure", "distance", "score"),
    [(Measure.COSINE, 0.25, 0.75), (Measure.PEARSON, 1.5, -0.5), (Measure.EUCLIDEAN, 3.0, 0.25)],
)
def test_scores(measure, distance, score):
    assert METRICS[measure].score(distance) == pytest.approx(score)


def test_every_measure_has_sql():
    assert set(METRICS) == set(Measure)
