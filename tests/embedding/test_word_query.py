"""Words to directions: which are known, how others are read, what is to be avoided, and what is said of it all."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.embedding.word_query import Concept, rows_of, understand
from tests.embedding.tables import ROWS, table

TABLE = table()


def words(text):
    return [TABLE.words[row] for row in rows_of(text, TABLE)]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("dog", ["dog"]),
        ("The DOG", ["the", "dog"]),
        ("dogs", ["dog"]),
        ("dog's", ["dog"]),
        ("running", ["run"]),
        ("hot dogs", ["dog"]),
        ("a hot dog", ["hot dog"]),
        ("sunhat", ["sun", "hat"]),
        ("sun-hat", ["sun", "hat"]),
        ("t-shirt", ["t-shirt"]),
        ("horze", ["horse"]),
        ("hrose", ["horse"]),
        ("horsee", ["horse"]),
        ("hors", []),
        ("dag", []),
        ("红色的狗帽子", ["的", "狗", "帽子"]),
        ("T恤", ["t恤"]),
        ("red狗", ["red", "狗"]),
        ("", []),
        ("!? -", []),
    ],
)
def test_what_is_known(text, known):
    assert words(text) == known


def test_the_vector_is_the_weighted_mean():
    got = understand("the red dog", TABLE).wanted
    literal = 0.05 * np.array(ROWS["the"]) + np.array(ROWS["red"]) + np.array(ROWS["dog"])
    np.testing.assert_allclose(got, literal / np.linalg.norm(literal), atol=0.01)
    assert np.linalg.norm(got) == pytest.approx(1)


@pytest.mark.parametrize("text", ["xyzzy", "the", "的", "", "zürich"])
def test_nothing_is_understood(text):
    got = understand(text, TABLE)
    assert (got.wanted, got.avoided, got.concepts) == (None, None, ())


def test_unknown_words_are_named_and_words_of_grammar_are_not():
    assert understand("the xyzzy dog 红 xyzzy", TABLE).unknown == ("xyzzy", "红")


def test_minus_is_to_be_avoided():
    got = understand("dog -cat sun-hat", TABLE)
    assert [(each.word, each.negative) for each in got.concepts] == [
        ("dog", False), ("cat", True), ("sun", False), ("hat", False),
    ]  # fmt: skip
    np.testing.assert_allclose(got.avoided, ROWS["cat"], atol=0.01)
    assert understand("-cat", TABLE).wanted is None


def test_a_minus_inside_keeps_a_phrase_apart():
    assert [each.word for each in understand("hot -dog", TABLE).concepts] == ["dog"]


def test_concepts_say_what_looks_like_them_in_their_own_script():
    assert understand("dogs", TABLE).concepts == (Concept("dogs", "dog", ("beagle",)),)
    assert understand("狗", TABLE).concepts == (Concept("狗", "狗", ("猎犬",)),)
    assert understand("sun", TABLE).concepts == (Concept("sun", "sun", ()),)


def test_a_concept_is_said_once():
    assert len(understand("dog dogs DOG", TABLE).concepts) == 1
