"""Lines are cut out level, put together by width, and read by the best path; against slow literal versions."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.reading import recognition
from retrieval.reading.detection import Place
from retrieval.reading.lines import TextLine, in_order

CHARACTERS = ["", "a", "b", "c", " "]


def literal(probabilities):
    """The likeliest class of each step; one that was there before, and the blank, say nothing."""
    text, scores, before = "", [], None
    for step in probabilities:
        best = max(range(len(step)), key=lambda number: step[number])
        if best not in {0, before}:
            text += CHARACTERS[best]
            scores.append(step[best])
        before = best
    return text, sum(scores) / len(scores) if scores else 0


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_read(seed):
    probabilities = np.random.default_rng(seed).random((30, 5)).astype(np.float32)
    said = recognition.said(probabilities, CHARACTERS)
    assert (said.text, said.score) == (literal(probabilities)[0], pytest.approx(literal(probabilities)[1]))


def test_repeats_are_one_character_and_blanks_part_them():
    steps = np.eye(5, dtype=np.float32)[[0, 1, 1, 0, 1, 4, 4, 2, 3, 3, 0]]
    assert recognition.said(steps, CHARACTERS) == recognition.Said("aa bc", 1.0)
    assert recognition.said(np.eye(5, dtype=np.float32)[[0, 0]], CHARACTERS) == recognition.Said("", 0.0)


def test_a_line_is_cut_out_as_it_is_read():
    pixels = np.zeros((60, 200, 3), np.uint8)
    pixels[10:34, 20:100], pixels[10:34, 100:120] = (200, 0, 0), (0, 200, 0)
    level = recognition.straightened(pixels, Place(np.array([[20, 10], [120, 10], [120, 34], [20, 34]], np.float32)))
    assert level.shape == (48, 200, 3)
    assert level[24, 20].tolist() == [200, 0, 0]
    assert level[24, 190].tolist() == [0, 200, 0]
    other = recognition.straightened(pixels, Place(np.array([[120, 34], [20, 34], [20, 10], [120, 10]], np.float32)))
    assert other[24, 10].tolist() == [0, 200, 0]
    assert other[24, 180].tolist() == [200, 0, 0]


@pytest.mark.parametrize(("width", "taken"), [(2, 16), (200_000, 2_880)])
def test_a_line_has_a_bounded_width(width, taken):
    corners = np.array([[0, 0], [width, 0], [width, 20], [0, 20]], np.float32)
    assert recognition.straightened(np.zeros((20, 50, 3), np.uint8), Place(corners)).shape == (48, taken, 3)


def test_lines_of_like_widths_go_together_and_none_is_lost():
    lines = [np.zeros((48, width, 3), np.uint8) for width in (700, 20, 300, 400, 30, 40, 50, 60)]
    batches = recognition.batches(lines)
    assert batches == [[1, 4, 5, 6, 7, 2], [3, 0]]
    filled = recognition.together([lines[position] for position in batches[1]])
    assert filled.shape == (2, 3, 48, 700)
    assert (filled[0, :, :, :400] == -1).all()
    assert (filled[0, :, :, 400:] == 0).all()
    assert recognition.together(lines[1:2]).shape == (1, 3, 48, 320)


def test_lines_are_in_the_order_of_reading():
    def line(text, x, y, h=0.1):
        return TextLine(text, x, y, 0.2, h, 1.0)

    lines = [line("price", 0.7, 0.12), line("foot", 0.1, 0.9), line("item", 0.1, 0.1), line("next", 0.1, 0.21)]
    assert [one.text for one in in_order(lines)] == ["item", "price", "next", "foot"]
