"""How a decoding child is kept apart, as it measured itself, and the least below which nothing is decoded."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from retrieval.errors import Unavailable

log = structlog.get_logger(__name__)

# Whoever reaches one of these from a decoder has left it. Which guard keeps them out of reach does not matter.
FLOOR = ("files", "network", "processes", "programs", "signals")
SETTING = "IMAGESEARCH_UNPROTECTED_DECODER"


@dataclass(frozen=True)
class Protection:
    """``held``: what was tried in vain, thing -> True. ``guards``: what is in force, Landlock by its version."""

    held: Mapping[str, bool]
    guards: Mapping[str, int]

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Protection:
        """Read what a child says of itself before its first picture."""
        return cls(dict(header["held"]), dict(header["guards"]))

    @property
    def reached(self) -> tuple[str, ...]:
        """What a decoder can reach that it must not; empty when the floor holds."""
        return tuple(name for name in FLOOR if not self.held.get(name))

    def require(self, *, allowed: bool) -> None:
        """Say once what is in force. Raises Unavailable below the floor, unless the operator ``allowed`` that."""
        _say(self.reached, allowed, tuple(sorted(self.guards.items())))
        if self.reached and not allowed:
            raise Unavailable(
                "Pictures are not read here: this server cannot protect itself from them. Tell whoever runs the site.",
                code="decoder_unprotected",
                retry_after=60,
            )


@functools.cache
def _say(reached: tuple[str, ...], allowed: bool, guards: tuple[tuple[str, int], ...]) -> None:
    if not reached:
        log.info("decoder_protected", **dict(guards))
        return
    write = log.warning if allowed else log.error
    text = "decoded all the same, as the setting says" if allowed else "nothing is decoded; see docs/operations.md"
    write("decoder_unprotected", reached=", ".join(reached), so=text, setting=SETTING, **dict(guards))
