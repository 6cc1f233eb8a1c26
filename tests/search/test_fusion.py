"""Meaning and words as one ranking: the formula, who found what, pages, groups, and what is left out."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from retrieval.models import Image
from retrieval.search import fusion
from retrieval.search.fusion import fused, reciprocal_ranks
from retrieval.search.query import Question
from retrieval.search.scope import Filters
from retrieval.search.words import Words
from tests.factories import CollectionFactory
from tests.search.rows import DIMENSION, asked, put

NUMBER = 30


def test_the_formula_against_a_literal_one():
    a, b, c, d = (UUID(int=number) for number in range(4))
    got, found = reciprocal_ranks({"meaning": [b, a, c], "words": [c, d]})
    literal = {a: 1 / 62, b: 1 / 61, c: 1 / 63 + 1 / 61, d: 1 / 62}
    assert [hit.image_id for hit in got] == [c, b, a, d]
    for hit in got:
        assert hit.score == pytest.approx(literal[hit.image_id] / (2 / 61))
        assert hit.distance == 1 - hit.score
    assert found == {c: ("meaning", "words"), b: ("meaning",), a: ("meaning",), d: ("words",)}


@pytest.fixture
def world(encoder):
    """Pictures in the order of their meaning; every fifth has the word, too, and two share a group."""
    collection = CollectionFactory()
    raw = np.ones((NUMBER, DIMENSION), np.float32)
    raw[:, 0] = np.linspace(9, 1, NUMBER)
    each = [{"title": "A dog" if row % 5 == 4 else "Nothing"} for row in range(NUMBER)]
    images = put(collection, raw, encoder=encoder, each=each)
    Image.objects.filter(pk__in=[images[0].pk, images[4].pk]).update(group_key="one")
    rows = {image.pk: row for row, image in enumerate(images)}

    def find(**options):
        filters = Filters(words=Words.of("dog"), **options.pop("filters", {}))
        question = Question(encoder, asked(np.eye(DIMENSION, dtype=np.float32)[0]), filters=filters, **options)
        got, found = fused(question, user=collection.owner)
        return got, [(rows[hit.image_id], found[hit.image_id]) for hit in got.hits]

    return find


@pytest.mark.django_db
def test_who_is_found_by_both_comes_first(world):
    got, hits = world(k=NUMBER)
    assert [row for row, _ in hits[:6]] == [4, 9, 14, 19, 24, 29]
    assert {found_by for _, found_by in hits[:6]} == {("meaning", "words")}
    assert [row for row, _ in hits[6:]] == [row for row in range(NUMBER) if row % 5 != 4]
    assert got.exact
    assert got.candidates == NUMBER


@pytest.mark.django_db
@pytest.mark.parametrize("depth", [200, 7])
def test_pages_neither_repeat_nor_miss_a_picture(world, monkeypatch, depth):
    monkeypatch.setattr(fusion, "BY_MEANING", depth)
    pages = [hit for offset in range(0, NUMBER, 4) for hit in world(k=4, offset=offset)[1]]
    assert sorted(row for row, _ in pages) == list(range(NUMBER))
    assert pages == world(k=NUMBER)[1]


@pytest.mark.django_db
def test_one_of_each_group(world):
    rows = [row for row, _ in world(k=NUMBER, group=True)[1]]
    assert len(rows) == NUMBER - 1
    assert rows[0] == 4
    assert 0 not in rows


@pytest.mark.django_db
def test_a_word_to_avoid_leaves_pictures_out(world):
    rows = {row for row, _ in world(k=NUMBER, filters={"without": (Words.of("dogs"),)})[1]}
    assert rows == {row for row in range(NUMBER) if row % 5 != 4}


@pytest.mark.django_db
def test_least_score(world):
    got, hits = world(k=NUMBER, min_score=0.5)
    assert 0 < len(hits) < NUMBER
    assert all(hit.score >= 0.5 for hit in got.hits)
