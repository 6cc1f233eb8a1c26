"""One promise: its sentence, the tests that prove it, and those that fail without its guard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """A sentence, its tests (``file::function`` below ``tests``), and its controls: the tests with the guard off."""

    text: str
    tests: tuple[str, ...]
    controls: tuple[str, ...] = ()
