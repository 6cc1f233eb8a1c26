"""Maps of text become rectangles as the paper has it: against slow literal versions, slanted and standing lines too."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retrieval.reading import detection


def heat(*rectangles, shape=(96, 128)):
    """A map that is sure inside of rectangles (middle, size, angle) and sure of nothing elsewhere."""
    drawn = np.zeros(shape, np.float32)
    for rectangle in rectangles:
        cv2.fillPoly(drawn, [np.rint(cv2.boxPoints(rectangle)).astype(np.int32)], 0.9)
    return drawn


@pytest.mark.parametrize(
    ("height", "width", "taken"),
    [
        (318, 224, (960, 672)),  # enlarged until its long side is 960
        (1448, 1024, (960, 672)),
        (4000, 500, (1920, 256)),  # a tall receipt: its short side stays as wide as 1,920 allows
        (1000, 400, (1216, 480)),
        (24, 24, (96, 96)),  # never more than four times as large
        (1, 3000, (32, 1920)),
    ],
)
def test_the_detector_is_given_sides_in_steps_that_are_bounded(height, width, taken):
    given = detection.prepared(np.full((height, width, 3), 255, np.uint8))
    assert given.shape == (1, 3, *taken)
    assert given.max() == 1


def test_networks_are_given_blue_first_from_minus_one_to_one():
    given = detection.network_input(np.array([[[255, 0, 51]]], np.uint8))
    assert given[:, 0, 0] == pytest.approx([51 / 127.5 - 1, -1, 1])


def test_the_mean_inside_is_that_of_the_pixels_inside():
    values = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    inside = [values[y, x] for y in range(10, 21) for x in range(5, 31)]
    assert detection.mean_inside(values, ((17.5, 15.0), (25.0, 10.0), 0.0)) == pytest.approx(np.mean(inside))
    assert detection.mean_inside(values, ((-40.0, 5.0), (10.0, 5.0), 0.0)) == 0


def test_a_rectangle_grows_by_what_the_paper_says():
    (place,) = detection.places(heat(((64, 48), (40, 10), 0)), size=(128, 96))
    framed = 41.0, 11.0  # with the pixel that closes gaps
    grown = 2 * 1.6 * framed[0] * framed[1] / (2 * framed[0] + 2 * framed[1])
    assert place.size == pytest.approx((framed[0] + grown, framed[1] + grown), abs=0.1)
    assert place.corners.mean(axis=0) == pytest.approx((64, 48), abs=1)
    assert not place.standing
    assert place.ways() == [place]


def test_places_are_in_the_picture_s_own_pixels():
    (small,) = detection.places(heat(((64, 48), (40, 10), 20)), size=(128, 96))
    (large,) = detection.places(heat(((64, 48), (40, 10), 20)), size=(512, 384))
    assert large.corners == pytest.approx(4 * small.corners)
    (left, top), (right, lower) = small.corners[:2]
    assert left < right
    assert top < lower  # it goes down to the right, by 20 degrees


def test_what_is_small_or_unsure_is_no_line():
    assert detection.places(heat(((64, 48), (40, 1), 0)) * 0, size=(128, 96)) == []
    assert detection.places(heat(((64, 48), (40, 10), 0)) * 0.5, size=(128, 96)) == []
    dot = np.zeros((96, 128), np.float32)
    dot[10, 10] = 1
    assert detection.places(dot, size=(128, 96)) == []


def test_no_more_lines_than_that_and_the_largest(monkeypatch):
    monkeypatch.setattr(detection, "MOST_LINES", 1)
    (place,) = detection.places(heat(((30, 20), (20, 8), 0), ((64, 60), (60, 12), 0)), size=(128, 96))
    assert place.corners.mean(axis=0) == pytest.approx((64, 60), abs=1)


def test_a_standing_line_is_read_both_ways():
    (place,) = detection.places(heat(((64, 48), (10, 50), 0)), size=(128, 96))
    assert place.standing
    down, up = place.ways()
    assert down.corners[0][0] > down.corners[3][0]  # begins at the top right, with its feet to the left
    assert down.corners[0][1] < down.corners[1][1]
    assert up.corners == pytest.approx(np.roll(down.corners, 2, axis=0))
    assert place.size[0] > place.size[1]
