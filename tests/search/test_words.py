"""Pictures by words alone: prefixes, quoting, scripts without spaces, and the order."""

from __future__ import annotations

import pytest

from retrieval.errors import InvalidInput
from retrieval.search.query import Question, nearest
from retrieval.search.scope import Filters
from retrieval.search.words import Words
from tests.factories import CollectionFactory
from tests.search.rows import clustered, put

pytestmark = pytest.mark.django_db

TEXTS = [
    {"title": "Red castle"},
    {"title": "Hill", "tags": ["castle"]},
    {"title": "Hill", "caption": "A castle's wall"},
    {"title": "北京的城堡", "tags": ["城堡"]},
    {"title": "Hill", "caption": "城堡在山上"},
    {"title": "sunset-at_sea.jpg"},
    {"title": "東京タワー", "tags": ["夜景"]},
    {"title": "O'Hara \\ back"},
]


@pytest.fixture
def find(encoder):
    collection = CollectionFactory()
    images = put(collection, clustered(len(TEXTS), seed=1), encoder=encoder, each=TEXTS)
    rows = {image.pk: row for row, image in enumerate(images)}

    def find(text):
        got = nearest(Question(encoder, None, filters=Filters(words=Words.of(text))), user=collection.owner)
        assert got.exact
        assert got.candidates == len(got.hits)
        assert [hit.score for hit in got.hits] == sorted((hit.score for hit in got.hits), reverse=True)
        assert all(0 < hit.score < 1 for hit in got.hits)
        return [rows[hit.image_id] for hit in got.hits]

    return find


def test_title_before_tags_before_caption(find):
    assert find("castle") == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cas", {0, 1, 2}),
        ("RED cast", {0}),
        ("astle", set()),
        ("城堡", {3, 4}),
        ("北京 城堡", {3}),
        ("タワー", {6}),
        ("夜景", {6}),
        ("hill 山上", {4}),
        ("sunset-at_sea.jpg", {5}),
        ("O'Hara", {7}),
        ("o'hara \\ back", {7}),
        ("castle & | ! ( ) :* <->", {0, 1, 2}),
        ("%", None),
        ("城%", set()),
        ("'; DROP", set()),
    ],
)
def test_what_is_found(find, text, rows):
    if rows is None:
        with pytest.raises(InvalidInput):
            find(text)
    else:
        assert set(find(text)) == rows


def test_text_without_a_word_is_refused():
    with pytest.raises(InvalidInput) as caught:
        Words.of("  ... !")
    assert "text" in caught.value.fields
