"""What a provider says of itself (OpenID Connect Discovery 1.0), kept for an hour."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from retrieval.openid import asking

GOOD_FOR = 3600.0  # seconds
_kept: dict[str, tuple[Metadata, float]] = {}


@dataclass(frozen=True)
class Metadata:
    """Where people sign in, codes are changed, keys lie and people are told of; how the client says who it is."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    basic: bool


def of(issuer: str) -> Metadata:
    """Return what the issuer says. Raises Unavailable (``provider_away``) when it says nothing usable."""
    kept, until = _kept.get(issuer, (None, 0.0))
    if kept is None or time.monotonic() >= until:
        kept = _asked(issuer)
        _kept[issuer] = kept, time.monotonic() + GOOD_FOR
    return kept


def _asked(issuer: str) -> Metadata:
    status, found = asking.ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", issuer=issuer)
    if status != 200 or found.get("issuer") != issuer:
        raise asking.away(f"{issuer} does not say that it is this issuer.")
    ways = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        authorization=_address(found, "authorization_endpoint", issuer=issuer),
        token=_address(found, "token_endpoint", issuer=issuer),
        keys=_address(found, "jwks_uri", issuer=issuer),
        userinfo=_address(found, "userinfo_endpoint", issuer=issuer) if "userinfo_endpoint" in found else "",
        basic="client_secret_basic" in ways,
    )


def _address(found: dict[str, Any], name: str, *, issuer: str) -> str:
    """One of its addresses, as safe on the way as the issuer's own."""
    value = found.get(name)
    if not isinstance(value, str) or urlsplit(value).scheme not in {"https", urlsplit(issuer).scheme}:
        raise asking.away(f"{issuer} names no {name} with https.")
    return value
