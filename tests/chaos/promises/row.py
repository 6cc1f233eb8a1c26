"""One promise: its sentence, the tests that prove it, and those that show what they are worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """A sentence and its tests (``file::function`` below ``tests``); what they are worth is shown in two ways.

    ``controls`` switch the guard off and see the harm. Where no one guard can be switched off, ``detectors`` plant a
    fault and see that the proof's instrument tells of it.
    """

    text: str
    tests: tuple[str, ...]
    controls: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Every test of it."""
        return (*self.tests, *self.controls, *self.detectors)
