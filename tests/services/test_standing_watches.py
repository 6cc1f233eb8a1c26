"""What each worker asks of all watches before each batch: which fire, and whether one of them changed."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.work import watching
from tests.factories import EncoderFactory


def unit(draw, *shape):
    raw = draw.normal(size=shape).astype("f4")
    return raw / np.linalg.norm(raw, axis=-1, keepdims=True)


def test_those_fire_that_a_slow_comparison_finds_picture_by_picture():
    draw = np.random.default_rng(1)
    watches, images = [uuid.uuid4() for _ in range(40)], [uuid.uuid4() for _ in range(5)]
    directions, units = unit(draw, 40, 8), unit(draw, 5, 8)
    least = draw.uniform(0.2, 0.9, 40).astype("f4")
    found = watching.Standing((0, 0), tuple(watches), directions, least).fired(images, units)
    slow = [
        (watch, image, float(np.dot(one, other)))
        for image, other in zip(images, units, strict=True)
        for watch, one, bar in zip(watches, directions, least, strict=True)
        if float(np.dot(one, other)) >= bar
    ]
    assert [(pair.watch, pair.image) for pair in found] == [(watch, image) for watch, image, _ in slow]
    assert [pair.score for pair in found] == pytest.approx([score for *_, score in slow], abs=1e-6)
    assert len(slow) > 5


@pytest.mark.django_db
def test_whether_one_changed_is_read_from_an_index_alone():
    with CaptureQueriesContext(
        connection,
    ) as asked:
        watching._standing(EncoderFactory(dimension=3))
    (statement,) = (each["sql"] for each in asked if "SUM(" in each["sql"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        assert "Index Only Scan using watch_standing" in "\n".join(line for (line,) in cursor.fetchall())
