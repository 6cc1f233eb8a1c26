"""An index of bits: which ones, found by them and ranked by whole vectors, and chosen in the place of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.db.models.expressions import RawSQL

from retrieval.models import Embedding, IndexKind, Measure
from retrieval.search import indexes, query, scope, stored
from retrieval.search.kinds import KINDS
from retrieval.search.query import Question, nearest
from tests.factories import CollectionFactory
from tests.search.rows import DIMENSION, asked, clustered, index, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(settings):
    """Make more than 20 candidates too many for an exact search."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=20)


@pytest.fixture
def filled(encoder):
    """Vectors that are never negative, as those of rectified networks."""
    collection, raw = CollectionFactory(), np.abs(clustered(300, seed=1))
    return collection, put(collection, raw, encoder=encoder), raw


def by_bits(encoder):
    encoder.index_kind, encoder.bits_centre = IndexKind.BITS, stored.mean(encoder)
    encoder.save()
    return encoder


def test_the_mean_is_that_of_the_unit_vectors(encoder, filled):
    _, _, raw = filled
    units = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert stored.mean(encoder) == pytest.approx(units.mean(axis=0), abs=2e-3)


def test_without_vectors_there_is_no_mean(encoder):
    assert stored.mean(encoder) is None
    with pytest.raises(ValueError, match="mean"):
        indexes.statement(by_bits(encoder))


def test_the_distance_counts_the_numbers_on_the_other_side_of_the_mean(encoder, filled):
    _, images, raw = filled
    centre = np.array(stored.mean(by_bits(encoder)), np.float16)
    halves = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float16)
    literal = [sum((x > c) != (y > c) for x, y, c in zip(row, halves[0], centre, strict=True)) for row in halves]
    apart = KINDS[IndexKind.BITS].apart(encoder, asked(raw[0]))
    rows = Embedding.objects.annotate(apart=RawSQL(apart.text, apart.values))
    found = dict(rows.values_list("image_id", "apart"))
    assert [found[image.pk] for image in images] == literal
    assert 0 < np.mean(literal) < DIMENSION


@pytest.mark.parametrize("measure", Measure)
def test_found_by_bits_and_ranked_by_the_measure(encoder, filled, small, measure):
    collection, _, raw = filled
    index(by_bits(encoder))
    for row in raw[:5]:
        question = Question(encoder, asked(row), measure=measure, k=10)
        got, exact = (
            nearest(question, user=collection.owner),
            nearest(replace(question, exact=True), user=collection.owner),
        )
        assert (got.exact, exact.exact) == (False, True)
        assert got.hits == exact.hits  # 300 rows are fewer than are ranked again


def test_the_planner_takes_the_index_of_bits(encoder, filled):
    _, _, raw = filled
    index(by_bits(encoder))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        question, everything = Question(encoder, asked(raw[0])), scope.everything(encoder)
        near = query._by_index(question, question.vector, sought=everything, kind=IndexKind.BITS)
        cursor.execute(f"EXPLAIN {near.text} LIMIT 800", near.values)
        assert indexes.name_of(encoder) in "".join(row[0] for row in cursor.fetchall())
    assert indexes.name_of(encoder).startswith("embedding_bits_")


def test_fewer_that_are_ranked_again_find_less(encoder, filled, small, monkeypatch):
    """The control: with no more than ten taken by bits, some of the ten nearest are missed."""
    collection, _, raw = filled
    index(by_bits(encoder))
    monkeypatch.setattr(query, "_taken", lambda question, kind: question.k)
    right = 0
    for row in raw[:20]:
        question = Question(encoder, asked(row), k=10)
        exact = nearest(replace(question, exact=True), user=collection.owner)
        got = nearest(question, user=collection.owner)
        right += len({hit.image_id for hit in got.hits} & {hit.image_id for hit in exact.hits})
    assert right < 190


def test_until_it_is_built_the_other_index_answers(encoder, filled, small):
    collection, _, raw = filled
    index(encoder)
    halves = indexes.name_of(encoder)
    by_bits(encoder)
    assert indexes.find(encoder) is None
    assert indexes.usable(encoder).kind == IndexKind.HALVES
    assert indexes.needed(encoder) == {halves, indexes.name_of(encoder)}
    assert not nearest(Question(encoder, asked(raw[0])), user=collection.owner).exact
    index(encoder)
    assert indexes.usable(encoder).kind == IndexKind.BITS
    assert indexes.needed(encoder) == {indexes.name_of(encoder)}


def test_an_index_of_bits_is_a_fraction_as_large(encoder):
    wide = type(encoder).objects.create(name="wide", spec={}, dimension=512, state="draft")
    put(CollectionFactory(), clustered(400, seed=3, dimension=512), encoder=wide)
    index(wide)
    halves = indexes.find(wide).size
    index(by_bits(wide))
    assert indexes.find(wide).size < halves / 3
