"""ID tokens: signed by one of the provider's keys, for this client and this question, and not over."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

import jwt

from retrieval.errors import Forbidden
from retrieval.openid import keys

# By a key that signs and one that only checks: with "none", or a secret that both share, whoever knows what checks
# could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 60  # seconds by which the clocks may differ
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]


@dataclass(frozen=True)
class Expected:
    """Whose token it has to be, for whom, in answer to what, and where the keys lie."""

    issuer: str
    client_id: str
    nonce: str
    keys: str


def read(token: str, expected: Expected) -> dict[str, Any]:
    """Return the claims of a token that holds (OpenID Connect Core 1.0, 3.1.3.7).

    Raises Forbidden (``provider_refused``) for any other, Unavailable where the keys cannot be had.
    """
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise refused("The ID token is signed in a way that proves nothing.")
        claims: dict[str, Any] = jwt.decode(
            token, _key(header, expected), algorithms=[algorithm], audience=expected.client_id, issuer=expected.issuer,
            leeway=LEEWAY, options={"require": REQUIRED, "enforce_minimum_key_length": True},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise refused(f"The ID token does not hold: {type(error).__name__}.") from error
    _check(claims, expected)
    return claims


def _key(header: dict[str, Any], expected: Expected) -> Any:
    """The one key that may have signed so. Raises Forbidden when there is none, or more than one."""
    algorithm = str(header["alg"])
    found = []
    for key in keys.candidates(expected.keys, issuer=expected.issuer, kid=header.get("kid")):
        if key.get("alg", algorithm) == algorithm:
            try:
                found.append(jwt.PyJWK.from_dict(key, algorithm).key)
            except (jwt.PyJWTError, ValueError):
                continue  # one of another kind
    if len(found) != 1:
        raise refused("The ID token is signed by no key of the provider.")
    return found[0]


def _check(claims: dict[str, Any], expected: Expected) -> None:
    """What the library does not look at: the nonce, and for which client it was made where it is for several."""
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), expected.nonce.encode()):
        raise refused("The ID token answers another question.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else expected.client_id) != expected.client_id:
        raise refused("The ID token was made for another client.")


def refused(message: str) -> Forbidden:
    """The error of a sign-in that does not hold."""
    return Forbidden(message, code="provider_refused")
