"""The drawn pictures: of the right size, each its own, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.management.commands import demo


@pytest.mark.parametrize("kind", demo.KINDS)
def test_pictures_differ_and_can_be_drawn_again(kind):
    first, again, other = (demo.draw(kind, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.size, first.mode) == ((640, 480), "RGB")
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert np.asarray(first).std() > 5
