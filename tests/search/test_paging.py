"""Pages of one search, through the index and beyond it: no picture twice, none left out, whatever the page's size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.models import IndexKind, Measure
from retrieval.search import fusion, query, stored
from retrieval.search.query import Question, nearest
from retrieval.search.scope import Filters
from retrieval.search.words import Words
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import DIMENSION, asked, clustered, index, put

pytestmark = pytest.mark.django_db

ROWS, PAGE = 400, 24
OPTIONS = [
    {},
    {"measure": Measure.EUCLIDEAN},
    {"measure": Measure.PEARSON},
    {"filters": Filters(tags=("even",))},
    {"group": True},
    {"group": True, "measure": Measure.PEARSON, "filters": Filters(tags=("even",))},
]


@pytest.fixture(scope="module")
def made(once):
    """An encoder, and so many pictures in groups of three and some alone."""
    encoder, collection = EncoderFactory(dimension=DIMENSION), CollectionFactory()
    each = [
        {
            "tags": ["even"] if row % 2 == 0 else [],
            "group_key": f"g{row // 3}" if row % 5 else "",
            "title": "A dog" if row % 7 == 0 else "",
        }
        for row in range(ROWS)
    ]
    put(collection, clustered(ROWS, seed=31), encoder=encoder, each=each)
    put(CollectionFactory(), clustered(200, seed=32), encoder=encoder)  # another person's
    index(encoder)
    return encoder, collection


@pytest.fixture
def encoder(made, db):
    return made[0]


@pytest.fixture
def world(made, db, settings, monkeypatch):
    """These pictures, searched by an index that sees few of them at a time."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=100)
    monkeypatch.setattr(query, "FILTERED_EXACT", 1)
    monkeypatch.setattr(query, "list_length", lambda rows, share: 10)  # one that misses some
    monkeypatch.setattr(query, "TAKEN", 60)
    monkeypatch.setattr(query, "RERANKED", 90)
    monkeypatch.setattr(query, "RERANKED_BITS", 120)
    return made[1]


def question_of(encoder, **options):
    return Question(encoder, asked(clustered(3, seed=33)[2]), k=PAGE, **options)


def paged(ask, *, upto, size=PAGE):
    """The ids of all pages, and whether any was by the index."""
    pages = [ask(offset=offset, k=size) for offset in range(0, upto, size)]
    for page in pages:
        distances = [hit.distance for hit in page.hits]
        assert distances == sorted(distances)
    return [hit.image_id for page in pages for hit in page.hits], any(not page.exact for page in pages)


@pytest.mark.parametrize("kind", IndexKind)
@pytest.mark.parametrize("options", OPTIONS)
def test_pages_repeat_nothing_and_leave_nothing_out(world, encoder, kind, options):
    if kind == IndexKind.BITS:
        encoder.index_kind, encoder.bits_centre = kind, stored.mean(encoder)
        index(encoder)
    question = question_of(encoder, **options)

    def ask(**page):
        return nearest(replace(question, **page), user=world.owner)

    ids, by_index = paged(ask, upto=ROWS + PAGE)
    right = [
        hit.image_id
        for offset in range(0, ROWS, 100)
        for hit in nearest(replace(question, exact=True, k=100, offset=offset), user=world.owner).hits
    ]
    assert by_index
    assert len(ids) == len(set(ids)) == len(right)
    if not options.get("group"):
        assert set(ids) == set(right)
    assert set(paged(ask, upto=ROWS + 37, size=37)[0]) == set(ids)


def test_without_the_same_rows_for_each_page_some_are_shown_twice(world, encoder, monkeypatch):
    """The control: what each page needs, and no more, is taken from the index and ranked again."""
    encoder.index_kind, encoder.bits_centre = IndexKind.BITS, stored.mean(encoder)
    index(encoder)
    monkeypatch.setattr(query, "_taken", lambda question, kind: question.offset + question.k)
    question = question_of(encoder)
    ids, _ = paged(lambda **page: nearest(replace(question, **page), user=world.owner), upto=240)
    assert len(ids) > len(set(ids))


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("filters", [{}, {"tags": ("even",)}])
def test_words_and_their_meaning_together(world, encoder, monkeypatch, group, filters):
    monkeypatch.setattr(fusion, "BY_MEANING", 60)
    question = question_of(encoder, filters=Filters(words=Words.of("dog"), **filters), group=group)
    plain = replace(question, filters=Filters(**filters), exact=True)

    def ask(**page):
        return fusion.fused(replace(question, **page), user=world.owner)[0]

    ids, _ = paged(ask, upto=ROWS + PAGE)
    right = {
        hit.image_id
        for offset in range(0, ROWS, 100)
        for hit in nearest(replace(plain, k=100, offset=offset), user=world.owner).hits
    }
    assert len(ids) == len(set(ids)) == len(right)
    if not group:
        assert set(ids) == right


def test_pages_by_words_alone(world, encoder):
    question = Question(encoder, None, filters=Filters(words=Words.of("dog")), k=PAGE)
    ids, _ = paged(lambda **page: nearest(replace(question, **page), user=world.owner), upto=ROWS)
    assert len(ids) == len(set(ids)) == len(range(0, ROWS, 7))


def test_what_another_person_has_is_on_no_page(world, encoder):
    question = question_of(encoder)
    ids, _ = paged(lambda **page: nearest(replace(question, **page), user=world.owner), upto=ROWS + 300)
    assert len(ids) == ROWS
    assert np.isin([str(pk) for pk in ids], [str(pk) for pk in world.images.values_list("pk", flat=True)]).all()
