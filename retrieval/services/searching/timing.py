"""How long the parts of one search take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Took:
    """Where the time went, in milliseconds."""

    decode: float
    encode: float
    search: float
    total: float


class Stopwatch:
    """Adds up what the parts of one search take."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._spent: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time inside to this part."""
        start = time.perf_counter()
        yield
        self._spent[name] += time.perf_counter() - start

    def took(self) -> Took:
        """The parts so far, and all of it, in milliseconds."""
        spent = {**self._spent, "total": time.perf_counter() - self._started}
        return Took(**{name: round(1000 * spent.get(name, 0.0), 2) for name in ("decode", "encode", "search", "total")})
