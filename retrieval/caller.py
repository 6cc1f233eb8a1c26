"""Who is asking just now: address, program and person of the request at hand, for trail, limits and logs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


def _nobody() -> None:
    """Nobody is known."""


@dataclass(frozen=True)
class Caller:
    """``address`` as text, empty outside a request; ``agent`` is what the program calls itself.

    ``person`` returns the account that is signed in, as far as that is known by now, and asks no database for it.
    """

    address: str = ""
    agent: str = ""
    person: Callable[[], Any] = _nobody


NOBODY = Caller()
_current: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def current() -> Caller:
    """Return who asks; outside a request nobody."""
    return _current.get()


def set_current(caller: Caller) -> None:
    """Say who asks from now on in this thread."""
    _current.set(caller)
