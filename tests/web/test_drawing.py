"""What is drawn over two pictures that are compared."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pillow

from retrieval.web import drawing


def veil(address):
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_what_adds_most_is_light_and_what_takes_away_dark():
    shares = np.array([[0.4, 0.2], [0.0, -0.3]])
    shown = veil(drawing.light(shares))
    assert shown.shape == (2, 2, 2)
    np.testing.assert_array_equal(shown[..., 0], 0)
    np.testing.assert_allclose(shown[..., 1], 255 * 0.75 * np.array([[0, 1 - 0.5**0.6], [1, 1]]), atol=0.5)


def test_where_nothing_adds_all_is_dark():
    np.testing.assert_array_equal(veil(drawing.light(np.full((2, 3), -0.1)))[..., 1], 191)


@pytest.mark.parametrize(("cell", "third"), [((0, 0), (0, 0)), ((5, 8), (2, 2)), ((2, 4), (1, 1)), ((3, 0), (1, 0))])
def test_the_place_is_the_middle_of_what_adds(cell, third):
    shares = np.full((6, 9), -0.01)
    shares[cell] = 0.5
    assert drawing.brightest(shares) == third
