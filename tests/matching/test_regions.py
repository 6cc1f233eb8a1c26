"""The regions of a picture lie inside it, cover it, and are always the same."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.matching.regions import boxes


@pytest.mark.parametrize("size", [(400, 400), (640, 480), (480, 640), (224, 900), (3000, 100), (1, 1), (1, 5000)])
def test_they_lie_inside_and_every_place_is_in_one_of_each_scale(size):
    found = boxes(*size)
    assert found == boxes(*size)
    for each in found:
        assert min(each.x, each.y) >= 0 < min(each.w, each.h)
        assert max(each.x + each.w, each.y + each.h) <= 1 + 1e-9
        assert (each.w, each.h) != (1, 1)
    for width in {round(each.w, 9) for each in found}:
        alike = [each for each in found if round(each.w, 9) == width]
        for x, y in np.random.default_rng(0).random((50, 2)):
            assert any(each.x <= x <= each.x + each.w and each.y <= y <= each.y + each.h for each in alike)


def test_a_square_picture_has_four_and_nine_and_a_longer_one_more():
    assert len(boxes(500, 500)) == 13
    assert [len(boxes(*size)) for size in ((640, 480), (480, 640))] == [20, 20]
    assert all(each.w * 640 == pytest.approx(each.h * 480) for each in boxes(640, 480))


def test_very_long_pictures_have_no_more_than_are_stored():
    assert len(boxes(1, 100_000)) <= 64
