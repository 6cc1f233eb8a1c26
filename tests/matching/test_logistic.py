"""A concept's direction against gradient descent written out, its scores without each example against real refits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching import Examples, logistic


def units(rows, *, seed, towards=0.0, dimension=3):
    random = np.random.default_rng(seed)
    found = random.normal(0, 1, (rows, dimension))
    found[:, 0] += towards
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def examples():
    return Examples(units(5, seed=1, towards=1.5), units(3, seed=2), units(8, seed=3))


def losses(examples, w, b):
    """Each example's part of the sum, as the docstring says it, term by term."""
    rows = [(u, 1, 1.0) for u in examples.right]
    rows += [(u, -1, 1.0) for u in examples.wrong]
    together = len(examples.right) * 24 / (24 + len(examples.wrong))
    rows += [(u, -1, together / len(examples.background)) for u in examples.background]
    return [c * math.log(1 + math.exp(-y * (sum(x * v for x, v in zip(u, w, strict=True)) + b))) for u, y, c in rows]


def literal(examples, *, left_out=None, steps=3_000):
    """Gradient descent by differences, without a derivative in sight."""

    def total(at):
        each = losses(examples, at[:-1], at[-1])
        kept = [loss for place, loss in enumerate(each) if place != left_out]
        return sum(kept) + 0.1 / 2 * sum(x * x for x in at[:-1])

    at, width = np.zeros(examples.right.shape[1] + 1), 1e-5
    for _ in range(steps):
        sides = np.eye(len(at)) * width
        slope = np.array([(total(at + side) - total(at - side)) / (2 * width) for side in sides])
        at = at - 0.15 * slope
        if np.abs(slope).max() < 1e-6:
            break
    return at


def test_it_finds_the_least_of_the_written_sum(examples):
    found, slow = logistic.fit(examples), literal(examples)
    assert found.direction == pytest.approx(slow[:-1], abs=1e-4)
    assert found.offset == pytest.approx(slow[-1], abs=1e-4)


def test_each_examples_score_without_it_is_nearly_that_of_a_real_refit(examples):
    found = logistic.fit(examples)
    margins = found.margins(examples.vectors)
    for place in (0, 6, 12):
        at = literal(examples, left_out=place)
        real = examples.vectors[place] @ at[:-1] + at[-1]
        assert found.without[place] == pytest.approx(real, abs=0.15)
        assert abs(found.without[place] - real) < abs(margins[place] - real)


def test_fewer_examples_than_dimensions_give_the_same_by_their_span(monkeypatch):
    few = Examples(units(3, seed=4, dimension=40), units(2, seed=5, dimension=40), units(9, seed=6, dimension=40))
    short = logistic.fit(few)
    monkeypatch.setattr(logistic, "_reduced", lambda vectors: (None, vectors))
    whole = logistic.fit(few)
    assert short.direction == pytest.approx(whole.direction, abs=1e-6)
    assert short.without == pytest.approx(whole.without, abs=1e-6)


def test_how_well_it_knows_is_the_share_of_pairs_in_the_right_order(examples):
    found = replace(logistic.fit(examples), without=np.array([1.0, 2, 3, 4, 0, 0.5, 1, -1, *[9] * 8]))
    pairs = [(good > bad) + (good == bad) / 2 for good in found.without[:5] for bad in found.without[5:8]]
    assert logistic.knows(examples, found) == pytest.approx(sum(pairs) / len(pairs))
    for few in (replace(examples, right=examples.right[:1]), replace(examples, wrong=examples.wrong[:1])):
        assert logistic.knows(few, logistic.fit(few)) is None


def test_half_of_what_is_asked_next_is_likely_and_half_is_doubtful():
    margins = np.array([5.0, 4, 3, 1, 0.2, -0.1, -2, -3])
    assert logistic.to_ask(margins, most=5) == [0, 1, 2, 5, 4]
    assert logistic.to_ask(margins[:2], most=12) == [0, 1]
    assert logistic.to_ask(margins[:0], most=12) == []


@pytest.mark.parametrize(("field", "right", "wrong"), [("yes", 0, 3), ("no", 3, 0)])
def test_without_one_of_each_nothing_is_learnt(field, right, wrong):
    empty = units(5, seed=1)[:0]
    with pytest.raises(InvalidInput) as caught:
        logistic.fit(Examples(units(5, seed=1)[:right], units(5, seed=2)[:wrong], empty))
    assert list(caught.value.fields) == [field]
