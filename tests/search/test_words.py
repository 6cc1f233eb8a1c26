"""Pictures by words alone: prefixes, quoting, scripts without spaces, and the order."""

from __future__ import annotations

import random

import pytest
from django.contrib.postgres.search import SearchQuery
from django.db import DatabaseError, transaction
from django.db.models import FloatField, Value

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.search import words
from retrieval.search.query import Question, nearest
from retrieval.search.scope import Filters
from retrieval.search.words import MOST_WORDS, Words, forgiving
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
    {"title": "Two hats", "caption": "Running on grass"},
    {"title": "Hat"},
    {"title": "holiday.beach.sunset", "tags": ["M\u00fcll"]},
    {"title": "IMG-20240501-WA0003"},
    {"title": "IMG_2024-05-01_harbour"},
    {"title": "DS-7604NI"},
    {"title": "www.shop.de-shoe"},
    {"title": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"},
]
DIVIDED = [
    ("beach", {10}), ("m\u00fcll", {10}), ("Mu\u0308ll", {10}), ("20240501", {11}), ("wa0003", {11}), ("05", {12}),
    ("2024-05-01", {12}), ("ds-7604", {13}), ("7604", {13}), ("shop", {14}), ("shoe", {14}), ("shop.de", {14}),
    ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", {15}), ("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", {15}),
]  # fmt: skip


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
        ("hats", {8, 9}),
        ("hat", {8, 9}),
        ("castles", {0, 1, 2}),
        ("runs", {8}),
        ("grasses hat", {8}),
        ("red OR hat", {0, 8, 9}),
        ("red castle or running hat", {0, 8}),
        ("城堡 or タワー", {3, 4, 6}),
        ("red or", {0}),
        ("or red", {0}),
        ("or", set()),
        ("harbor", set()),
    ],
)
def test_what_is_found(find, text, rows):
    if rows is None:
        with pytest.raises(InvalidInput):
            find(text)
    else:
        assert set(find(text)) == rows


@pytest.mark.parametrize(("text", "rows"), DIVIDED)
def test_dividers_divide_and_joiners_join_on_both_sides(find, text, rows):
    assert set(find(text)) == rows


@pytest.mark.parametrize(
    "text",
    ["castle", "RED cast", "城堡", "タワー", "sunset-at_sea.jpg", "cast OR run", "or", *(text for text, _ in DIVIDED)],
)
def test_a_list_finds_what_a_search_finds(find, text):
    titles = [TEXTS[row]["title"] for row in find(text)]
    assert sorted(image.title for image in Image.objects.filter(words.listed(text))) == sorted(titles)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('"two hats"', 1),
        ('"hats two"', 0),
        ("hill -castle", 1),
        ("red or hat", 3),
        ("hill -cast", 1),
        ("-castle", len(TEXTS) - 3),
        ("hat or cast -red", 4),
        ("山上 or 北京 -北京", 1),
    ],
)
def test_signs_of_web_search_count_in_a_list(find, text, count):
    assert Image.objects.filter(words.listed(text)).count() == count


def test_signs_without_a_word_list_nothing(find):
    assert not Image.objects.filter(words.listed("... !")).exists()


def test_the_word_itself_comes_before_its_other_forms(find):
    assert find("hats") == [8, 9]


def test_stems_make_no_phrases(find):
    assert [image.title for image in listed('"two hats"')] == ["Two hats"]
    assert listed('"hats two"') == []


def test_what_is_to_be_avoided_is_a_word_or_words_in_quotes():
    assert words.signed('red -hat -"two  words" a-b - c') == ("red     a-b - c", ("hat", "two  words"))


def test_text_without_a_word_is_refused():
    with pytest.raises(InvalidInput) as caught:
        Words.of("  ... !")
    assert "text" in caught.value.fields


CHINESE = [chr(0x4E00 + number) for number in range(MOST_WORDS)]
# Signs that mean something to PostgreSQL's readers of queries or to LIKE, letters of many scripts, odd spaces.
PIECES = [*"-!&|():*<>'\"\\%_.,@/#+~=?[]{}^$`;", "<->", "a", "B7", "b-c", "d_e", "http://f.g/h?i=j", "k@l.m", "-1.5e9",
          "城堡", "タワー", "성", "ปราสาท", "é", "e\u0301", "ß", "İ", "\u200b", "\u00a0", "\u3000", "\u202e", "😀",
          "AND", "OR", "or", "not", " ", "\n"]  # fmt: skip


def listed(text):
    return list(Image.objects.filter(words=forgiving(text)))


def test_as_many_words_as_are_allowed_are_searched_for(find):
    assert find(" ".join(CHINESE[1:])) == []
    assert find(" ".join(f"word{number}" for number in range(MOST_WORDS))) == []
    assert find("castle " * 60) == [0, 1, 2]


@pytest.mark.parametrize("more", ["more", "更"])
def test_more_words_are_refused_in_a_sentence(more):
    with pytest.raises(InvalidInput) as caught:
        Words.of(" ".join([*CHINESE, more]))
    assert "text" in caught.value.fields


def test_terms_added_one_by_one_are_too_deep(find, monkeypatch):
    def nested(*terms):
        total = terms[0]
        for term in terms[1:]:
            total += term
        for _ in range(400):  # whatever the depth that this Python allows
            total += Value(0.0, FloatField())
        return total

    monkeypatch.setattr(words, "Sum", nested)
    with pytest.raises(RecursionError):
        find(" ".join(CHINESE))


@pytest.mark.parametrize("row", ["-", "- ", "-a ", '-"" ', "-!", "-_", "-,\n", '"'])
def test_rows_of_signs_are_no_error(find, row):
    assert {len(listed(text)) for text in (row * 51, row * 500)} <= {
        0,
        len(TEXTS) - 1,
        len(TEXTS),
    }  # one has "a"


@pytest.mark.parametrize("text", ["-" * 50, "- " * 50])
def test_as_they_were_they_are_one(find, text, monkeypatch):
    monkeypatch.setattr(words, "forgiving", None)
    as_it_was = SearchQuery(text, config="simple", search_type="websearch")
    with pytest.raises(DatabaseError, match="stack too small"), transaction.atomic():
        list(Image.objects.filter(words=as_it_was))


@pytest.mark.parametrize("text", ["castle -red", 'hill -"castle wall"', "castle --red", "red or"])
def test_signs_that_say_something_still_do(find, text):
    plain = text.replace("--", "-")
    asked = SearchQuery(plain, config="simple", search_type="websearch")
    assert set(listed(text)) == set(Image.objects.filter(words=asked))


@pytest.mark.parametrize("texts", [20, pytest.param(150, marks=pytest.mark.long)])
def test_no_text_is_an_error_of_ours(find, texts):
    dice = random.Random(9)
    for _ in range(texts):
        text = "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 120)))[:500]
        listed(text)
        try:
            find(text)
        except InvalidInput as error:
            assert "text" in error.fields  # noqa: PT017
