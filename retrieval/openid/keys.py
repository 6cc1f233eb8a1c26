"""The keys by which a provider signs (JWK sets, RFC 7517), asked for anew when a token names one that is not known."""

from __future__ import annotations

import time
from typing import Any

from retrieval.openid import asking

GOOD_FOR, PAUSE = 3600.0, 10.0  # seconds: kept, and between two questions for a key that is not known
_kept: dict[str, tuple[list[dict[str, Any]], float]] = {}


def candidates(address: str, *, issuer: str, kid: str | None) -> list[dict[str, Any]]:
    """Return the keys that may have signed: the one of this name; without a name all. Raises Unavailable."""
    known, asked = _kept.get(address, ([], 0.0))
    age = time.monotonic() - asked
    found = _named(known, kid)
    if not asked or age >= GOOD_FOR or (not found and age >= PAUSE):
        known = _asked(address, issuer=issuer)
        _kept[address] = known, time.monotonic()
        found = _named(known, kid)
    return found


def _named(keys: list[dict[str, Any]], kid: str | None) -> list[dict[str, Any]]:
    return [key for key in keys if kid is None or key.get("kid") == kid]


def _asked(address: str, *, issuer: str) -> list[dict[str, Any]]:
    status, found = asking.ask(address, issuer=issuer)
    keys = found.get("keys")
    if status != 200 or not isinstance(keys, list):
        raise asking.away(f"{issuer} gives no keys.")
    return [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]
