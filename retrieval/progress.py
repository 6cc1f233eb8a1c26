"""How long work tells how far it is: one callback for commands' bars, for rows of long jobs, and for nobody."""

from __future__ import annotations

from collections.abc import Callable

# (what is being done, how many are done, of how many; 0 where that is not known)
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""
