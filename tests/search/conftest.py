"""What the tests of the search share."""

from __future__ import annotations

import pytest


@pytest.fixture
def encoder(db):
    """The active encoder, with few dimensions."""
    from tests.factories import EncoderFactory
    from tests.search.rows import DIMENSION

    return EncoderFactory(dimension=DIMENSION)
