"""Variety: the formula written out, and what its ends mean."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching import varied

RANDOM = np.random.default_rng(5)


def units(count):
    raw = RANDOM.normal(0.4, 1, (count, 12))
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def literal(query, found, diversity):
    shown, left = [], list(range(len(found)))
    while left:

        def worth(place):
            near = sum(query * found[place])
            if not shown:
                return near
            return (1 - diversity) * near - diversity * max(sum(found[place] * found[other]) for other in shown)

        best = max(left, key=worth)
        shown.append(best)
        left.remove(best)
    return shown


@pytest.mark.parametrize("diversity", [0, 0.2, 0.5, 0.9, 1])
def test_the_order_is_that_of_the_formula(diversity):
    query, found = units(1)[0], units(40)
    assert varied(query, found, diversity=diversity) == literal(query, found, diversity)


def test_without_diversity_it_is_the_order_of_the_cosines():
    query, found = units(1)[0], units(40)
    assert varied(query, found, diversity=0) == np.argsort(-(found @ query), kind="stable").tolist()


def test_a_copy_comes_late():
    query = np.array([1.0, 0.0])
    found = np.array([[0.99, np.sqrt(1 - 0.99**2)], [0.99, np.sqrt(1 - 0.99**2)], [0.8, -0.6]])
    assert varied(query, found, diversity=0.5) == [0, 2, 1]


def test_nothing_found_is_no_order():
    assert varied(np.array([1.0, 0.0]), np.empty((0, 2)), diversity=0.5) == []
