"""What two pictures share lies all over both, or they only bear the same strip."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.matching import Verdict, spread, verdict
from retrieval.matching.geometry import Alignment
from tests.matching.conftest import scene
from tests.matching.test_verdict import compared, features


def with_strip(picture):
    """With the same patterned strip over the lowest quarter."""
    made = picture.copy()
    made.paste(scene(77, (320, 60)), (0, 180))
    return made


@pytest.mark.parametrize("guarded", [True, False])
def test_different_pictures_with_the_same_strip_are_no_copies(monkeypatch, guarded):
    if not guarded:
        monkeypatch.setattr(verdict, "is_spread", lambda *_args, **_sides: True)
    found = compared(with_strip(scene(11)), with_strip(scene(12)))
    assert found.verdict == (Verdict.SAME_THING if guarded else Verdict.SAME_IMAGE)


def test_a_picture_and_itself_with_a_strip_over_it_are_copies():
    assert compared(with_strip(scene(11)), scene(11)).verdict == Verdict.SAME_IMAGE


def test_cells_are_counted_as_one_by_one():
    picture, draw = features(scene(11)), np.random.default_rng(0)
    half = np.array([[1, 0, -0.5 * picture.width], [0, 1, 0], [0, 0, 1]])  # only its right half lies on the other
    matches = picture.points[draw.permutation(np.flatnonzero(picture.points[:, 0] > 0.5))[:15]]
    left, right = 0.5 + 0.5 / 24, 1 - 0.5 / 24  # where the points lie by which the shared part is measured
    top, low = 0.5 / 24 * picture.height, (1 - 0.5 / 24) * picture.height
    cells = {}
    for matched, points in ((False, picture.points[picture.points[:, 0] >= 0.5]), (True, matches)):
        for x, y in points:
            column, row = (x - left) / (right - left) * 4, (y - top) / (low - top) * 4
            place = min(3, max(0, int(column))), min(3, max(0, int(row)))
            cells.setdefault(place, []).append(matched)
    telling = [found for found in cells.values() if found.count(False) >= 4]
    expected = sum(any(found) for found in telling), len(telling)
    assert spread.covered(half, picture, on=picture, matches=matches) == expected
    assert 0 < expected[0] < expected[1]


def test_few_matches_need_few_cells():
    picture = features(scene(11))
    corner, across = (picture.points[np.square(picture.points - at).sum(axis=1).argmin()] for at in ((0, 0), (1, 0.7)))
    for second, enough in ((corner, False), (across, True)):
        points = np.repeat([corner, second], 4, axis=0)
        found = Alignment(np.eye(3), False, np.arange(8), np.arange(8), points, points, 1.0)
        assert spread.is_spread(found, query=picture, result=picture) == enough


def test_where_there_is_nothing_that_could_have_matched_nothing_is_missed():
    picture = features(Image.new("RGB", (8, 8)))
    found = Alignment(np.eye(3), False, np.arange(0), np.arange(0), picture.points, picture.points, 1.0)
    assert spread.is_spread(found, query=picture, result=picture)
