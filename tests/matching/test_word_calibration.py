"""A calibration of words says of them what pictures that they were not learned from then show."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching import WORDS, AskedWord, fit_words, nearness, of_words

DIMENSION, CLASSES, EACH = 16, 30, 20
RANDOM = np.random.default_rng(3)
CENTRES = RANDOM.normal(size=(CLASSES, DIMENSION))


def drawn(*, classes: int = CLASSES, noise: float = 0.8, seed: int = 0):
    """Two sources with the same classes, and words near these, each asked of one source and then of the other."""
    generator = np.random.default_rng(seed)
    labels, sources = np.tile(np.repeat(np.arange(classes), EACH), 2), np.repeat(["a", "b"], classes * EACH)
    vectors = CENTRES[labels] + noise * generator.normal(size=(len(labels), DIMENSION))
    words = CENTRES[:classes] + 0.5 * generator.normal(size=(classes, DIMENSION))
    unit = [(each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32) for each in (vectors, words)]
    asked = [
        AskedWord(word, source, own=sources == source, shows=labels == number)
        for source in "ab"
        for number, word in enumerate(unit[1])
    ]
    return unit[0], asked


def test_what_is_said_of_hits_is_seen_on_others():
    found = fit_words(*drawn())
    gallery, asked = drawn(seed=1)
    own = [(gallery[each.own] @ each.vector, each.shows[each.own]) for each in asked]
    first = [(scores[order], right[order]) for scores, right in own for order in [np.argsort(-scores)[:24]]]
    said = found.probability(np.concatenate([scores for scores, _ in first]), candidates=CLASSES * EACH)
    right = np.concatenate([right for _, right in first])
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        here = (low <= said) & (said < high)
        assert here.sum() > 50
        assert said[here].mean() == pytest.approx(right[here].mean(), abs=0.1)


def test_five_in_a_hundred_known_words_are_told_that_nothing_is_there():
    gallery, asked = drawn()
    found = fit_words(gallery, asked)
    near = np.array([nearness(gallery[each.own] @ each.vector) for each in asked])
    assert (near < found.nothing_below).mean() == pytest.approx(0.05, abs=0.02)
    without = np.array([nearness(gallery[each.own & ~each.shows] @ each.vector) for each in asked])
    assert (without < found.nothing_below).mean() > 0.5


def test_words_that_no_other_source_shows_do_not_decide_what_is_nothing():
    """A table cannot know them, so their low scores would let everything pass."""
    gallery, asked = drawn()
    strange = [AskedWord(-each.vector, "a", own=each.own, shows=each.shows & each.own) for each in asked[:CLASSES]]
    assert fit_words(gallery, [*asked, *strange]).nothing_below == fit_words(gallery, asked).nothing_below


def test_nearness_is_the_mean_of_the_best_five():
    assert nearness(np.array([0.1, 0.9, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(0.46)
    assert nearness(np.array([0.5])) == 0.5
    assert nearness(np.array([])) == 0


def test_too_few_words_are_refused():
    with pytest.raises(InvalidInput):
        fit_words(*drawn(classes=20))


def test_only_the_part_for_words_is_read():
    found = fit_words(*drawn())
    assert of_words({WORDS: found.to_dict()}) == found
    assert of_words({}) is None
