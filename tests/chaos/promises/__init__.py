"""The promises, each with the tests that prove it and the tests that show what happens when its guard is off."""

from __future__ import annotations

from tests.chaos.promises.bad_input import BAD_INPUT
from tests.chaos.promises.faults import FAULTS
from tests.chaos.promises.people import PEOPLE
from tests.chaos.promises.row import Promise

__all__ = ["SECTIONS", "Promise", "nodes"]

SECTIONS = {"Faults": FAULTS, "Bad input": BAD_INPUT, "People": PEOPLE}


def nodes() -> list[str]:
    """Return every test named here, once."""
    named = [node for rows in SECTIONS.values() for row in rows for node in row.named]
    return list(dict.fromkeys(named))
