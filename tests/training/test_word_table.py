"""Fitting a word table: each step against a slow literal one, word lists, and what is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.training import vocabulary, word_folds, word_table
from retrieval.training.vocabulary import Entry
from retrieval.training.word_table import Lessons, NamedClass, fit

SPACE, TEXT = 6, 5
RANDOM = np.random.default_rng(4)
LOOKS = {name: RANDOM.normal(size=SPACE).astype(np.float32) for name in ("dog", "cat", "tree")}
WORDS = ("the", "dog", "hound", "cat", "tree", "狗")


def text(words):
    """A vector of each word by its letters; a hound and a 狗 are nearly dogs."""
    like = {"hound": "dog", "狗": "dog"}
    found = []
    for word in words:
        seed = int.from_bytes(hashlib.sha256(like.get(word, word).encode()).digest()[:4], "big")
        found.append(np.random.default_rng(seed).normal(size=TEXT) + 0.01 * len(word))
    return np.array(found, np.float32)


def lessons(**changes):
    classes = [NamedClass((name,), look + np.zeros((2, 1), np.float32)) for name, look in LOOKS.items()]
    pictures = np.array([LOOKS["dog"] + LOOKS["tree"], LOOKS["cat"]], np.float32)
    said = {"classes": classes, "pictures": pictures, "captions": [["the dog the tree"], ["the cat", "cat"]]}
    return Lessons(**{**said, **changes})


def made(**changes):
    entries = [Entry(word, 0.5 if word == "the" else 0.0) for word in WORDS]
    return fit(entries, lessons=lessons(**changes), text=text, rank=SPACE)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_words_lie_where_their_classes_are_and_so_do_those_that_mean_alike():
    table = made()
    for word, name in {"dog": "dog", "hound": "dog", "狗": "dog", "cat": "cat"}.items():
        vector = table.vector(table.rows[word])
        nearest = max(LOOKS, key=lambda each: cosine(vector, LOOKS[each]))
        assert nearest == name, word
    assert [table.words[row] for row in table.classes] == list(LOOKS)


def test_common_words_count_less():
    table = made()
    assert table.weights[table.rows["the"]] == pytest.approx(1e-3 / 0.501, abs=1e-3)
    assert table.weights[table.rows["dog"]] == 1


def test_prototypes_against_a_literal_sum():
    units, known = word_table._units(RANDOM.normal(size=(7, TEXT)).astype(np.float32)), np.array([2, 0, 5])
    told, middle = lessons(), RANDOM.normal(size=SPACE).astype(np.float32) / 9
    got = word_table._prototypes(units, told, middle=middle, classes=known)
    for row, unit in enumerate(units):
        shares = [np.exp(20 * float(unit @ units[place])) for place in known]
        means = []
        for each in told.classes:
            mean = np.mean([v / np.linalg.norm(v) - middle for v in each.vectors], axis=0)
            means.append(mean / np.linalg.norm(mean))
        literal = sum(share * mean for share, mean in zip(shares, means, strict=True)) / sum(shares)
        np.testing.assert_allclose(got[row], literal, rtol=1e-3, atol=1e-4)


def test_ridge_is_where_the_gradient_is_nothing():
    x, y = (RANDOM.normal(size=(20, size)).astype(np.float32) for size in (4, 3))
    found = word_table._ridge(x, y, strength=2.0)
    np.testing.assert_allclose(x.T @ (x @ found - y) + 2 * found, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("classes", {"classes": []}),
        ("captions", {"pictures": np.zeros((0, SPACE), np.float32), "captions": []}),
        ("captions", {"captions": [["xyzzy"], []]}),
    ],
)
def test_too_little_to_learn_from_is_refused(field, changes):
    with pytest.raises(InvalidInput) as caught:
        made(**changes)
    assert field in caught.value.fields


def test_lists_of_words(tmp_path):
    plain, kinds = tmp_path / "en.txt", tmp_path / "zh.txt"
    plain.write_text("\ufeffDog 5\nhot dog 3\nthe 90\nrare 2\n")
    kinds.write_text("狗 60 n\n张三 50 nr\n跑 30 v\n猫 20 n\nabc 9 n\n的 100 uj\n")
    assert [entry.word for entry in vocabulary.read(plain, most=3)] == ["the", "dog", "hot dog"]
    assert vocabulary.read(plain, most=1)[0].share == pytest.approx(0.9)
    assert [entry.word for entry in vocabulary.read(kinds, most=4)] == ["狗", "跑", "猫"]


def test_lists_are_joined_commonest_first_and_names_last():
    got = vocabulary.joined([[Entry("a", 0.1), Entry("b", 0.3)], [Entry("a", 0.5)]], names=["b", "c", "c"])
    assert got == [Entry("a", 0.5), Entry("b", 0.3), Entry("c", 0.0)]


@pytest.mark.parametrize("data", [b"", b"no number\n", b"\xff\xfe"])
def test_what_is_no_list_is_refused(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InvalidInput):
        vocabulary.read(tmp_path / "x", most=5)
    with pytest.raises(InvalidInput):
        vocabulary.read(tmp_path / "missing", most=5)


def sourced():
    """Each class from two sources, but trees, which one alone shows."""
    of = {"dog": ("x", "y"), "cat": ("x", "y"), "tree": ("y", "y")}
    return [
        NamedClass((name, "animal") if name != "tree" else (name,), look + np.zeros((2, 1), np.float32), of[name])
        for name, look in LOOKS.items()
    ]


def test_each_source_is_asked_by_a_table_that_never_saw_it():
    taught = lessons(classes=sourced())
    entries = [Entry(word, 0.0) for word in (*WORDS, "animal", "never")]
    asked = {(each.source, each.name): each for each in word_folds.unlearned(entries, taught, text=text, rank=SPACE)}
    assert set(asked) == {(source, name) for source in "xy" for name in ("dog", "cat", "animal")} | {("y", "tree")}
    assert asked["x", "dog"].own.tolist() == [True, False, True, False, False, False]
    assert asked["x", "animal"].shows.tolist() == [True] * 4 + [False] * 2
    rest = [NamedClass(each.names, each.vectors[:1], each.sources[:1]) for each in sourced() if each.names != ("tree",)]
    names = [entry for entry in entries if entry.word in {"the", "dog", "cat", "tree", "animal"}]
    alone = fit(names, lessons=lessons(classes=rest), text=text, rank=SPACE)
    assert cosine(asked["y", "dog"].vector, alone.vector(alone.rows["dog"])) == pytest.approx(1, abs=1e-3)


def test_only_words_that_teach_go_into_these_tables():
    taught = lessons(classes=sourced())
    kept = word_table.teaching([Entry(word, 0.0) for word in (*WORDS, "animal", "never")], taught)
    assert [each.word for each in kept] == ["the", "dog", "cat", "tree", "animal"]
