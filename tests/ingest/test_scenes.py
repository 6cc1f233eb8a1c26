"""Where scenes begin: held to a slow literal version, and to what a person would say of plain and slow pictures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from retrieval.ingest import scenes
from tests.ingest.pictures import scene


def look(seed):
    return np.asarray(scene(64, 64, seed=seed))


def plain(value):
    return np.full((64, 64, 3), value, np.uint8)


def literal(one, other):
    """Block by block and colour by colour, with two bits of each channel."""
    total = 0.0
    for top, left in itertools.product(range(0, 64, 16), repeat=2):
        counts = [dict.fromkeys(itertools.product(range(4), repeat=3), 0) for _ in range(2)]
        for count, pixels in zip(counts, (one, other), strict=True):
            for pixel in pixels[top : top + 16, left : left + 16].reshape(-1, 3):
                count[tuple(int(value) // 64 for value in pixel)] += 1
        total += sum(abs(counts[0][colour] - counts[1][colour]) / 256 for colour in counts[0]) / 2
    return total / 16


def test_the_distance_is_the_literal_one():
    one, other = look(1), look(2)
    assert scenes.distance(scenes.spread(one), scenes.spread(other)) == pytest.approx(literal(one, other), abs=1e-6)
    assert scenes.distance(scenes.spread(one), scenes.spread(one)) == 0
    assert scenes.distance(scenes.spread(plain(0)), scenes.spread(plain(255))) == 1


def test_where_a_thing_is_counts_as_well_as_its_colours():
    half = np.concatenate([plain(0)[:32], plain(255)[:32]])
    assert scenes.distance(scenes.spread(half), scenes.spread(half[::-1])) == 1


def found(*looks):
    return [second for second, _ in scenes.beginnings(enumerate(map(np.asarray, looks)))]


def test_a_scene_begins_where_the_picture_changes_and_lasts_as_long_as_it_does_not():
    assert found(look(1), look(1), look(2), look(2), look(1)) == [0, 2, 4]


def test_a_slow_change_ends_a_scene_as_well():
    slow = [(look(1) * (1 - part) + look(2) * part).astype(np.uint8) for part in np.linspace(0, 1, 40)]
    steps = [scenes.distance(scenes.spread(one), scenes.spread(other)) for one, other in itertools.pairwise(slow)]
    assert max(steps) < scenes.CHANGED
    assert len(found(*slow)) > 1


def test_plain_looks_begin_no_scene_unless_there_is_nothing_else():
    assert found(plain(0), look(1), plain(0), look(1), look(2)) == [1, 4]
    assert found(plain(0), plain(255)) == [0]
    assert found() == []


def test_of_too_many_scenes_the_first_and_the_greatest_changes_stay_in_order():
    begun = [(0.0, 1.0), (2.0, 0.4), (3.0, 0.9), (5.0, 0.5)]
    assert scenes.strongest(begun, most=3) == (0.0, 3.0, 5.0)
    assert scenes.strongest(begun, most=1) == (0.0,)
    assert scenes.strongest([], most=3) == ()
