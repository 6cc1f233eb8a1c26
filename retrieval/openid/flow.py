"""The two steps of signing in at a provider: the way there, and what comes back (authorization code flow with PKCE)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from retrieval.conf import Provider
from retrieval.openid import asking, metadata, tokens
from retrieval.openid.metadata import Metadata
from retrieval.openid.tokens import Expected, refused


@dataclass(frozen=True)
class Kept:
    """What the browser's session keeps until the answer comes; ``back`` is the address to which it comes."""

    state: str
    nonce: str
    verifier: str
    back: str


@dataclass(frozen=True)
class Who:
    """Whom the provider vouches for: known by issuer and subject alone. ``email`` is one that it has verified."""

    issuer: str
    subject: str
    name: str
    email: str
    groups: tuple[str, ...]


def begin(provider: Provider, *, back: str) -> tuple[str, Kept]:
    """Return the provider's address to go to, and what to keep. Raises Unavailable (``provider_away``)."""
    kept = Kept(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), back)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(kept.verifier.encode()).digest()).rstrip(b"=").decode()
    question = {
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": back, "scope": provider.scopes,
        "state": kept.state, "nonce": kept.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    address = metadata.of(provider.issuer).authorization
    return f"{address}{'&' if '?' in address else '?'}{urlencode(question)}", kept


def finish(provider: Provider, kept: Kept, answer: Mapping[str, str]) -> Who:
    """Return who came back. Raises Forbidden (``provider_refused``), Unavailable (``provider_away``)."""
    if not hmac.compare_digest(answer.get("state", "").encode(), kept.state.encode()):
        raise refused("The answer belongs to another question.")
    if answer.get("iss", provider.issuer) != provider.issuer:  # RFC 9207
        raise refused("The answer comes from another provider.")
    if "error" in answer or not answer.get("code"):
        raise refused("The provider let nobody in.")
    here = metadata.of(provider.issuer)
    given = _exchanged(provider, here, form=_form(kept, answer["code"]))
    expected = Expected(provider.issuer, provider.client_id, kept.nonce, here.keys)
    claims = tokens.read(str(given.get("id_token", "")), expected)
    return _who(provider, _completed(provider, here, claims=claims, access=str(given.get("access_token", ""))))


def _form(kept: Kept, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code", "code": code, "redirect_uri": kept.back, "code_verifier": kept.verifier,
    }  # fmt: skip


def _exchanged(provider: Provider, here: Metadata, *, form: dict[str, str]) -> dict[str, Any]:
    """Change the code for tokens, as the client that we are (RFC 6749, 2.3.1; without a secret by PKCE alone)."""
    headers = {}
    if provider.client_secret and here.basic:
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form = {**form, "client_id": provider.client_id}
        form |= {"client_secret": provider.client_secret} if provider.client_secret else {}
    status, given = asking.ask(here.token, issuer=provider.issuer, body=urlencode(form).encode(), headers=headers)
    if status != 200:
        raise refused("The provider takes no such code.")
    return given


def _completed(provider: Provider, here: Metadata, *, claims: dict[str, Any], access: str) -> dict[str, Any]:
    """Ask for what some providers tell of people apart from the token only; the token's word counts first."""
    wanted = {"preferred_username", "email", *([provider.groups_claim] if provider.asks_groups else [])}
    if wanted <= claims.keys() or not here.userinfo or not access:
        return claims
    headers = {"Authorization": f"Bearer {access}"}
    status, told = asking.ask(here.userinfo, issuer=provider.issuer, headers=headers)
    if status != 200 or told.get("sub") != claims["sub"]:
        return claims
    if claims.get("email", told.get("email")) != told.get("email"):
        told.pop("email_verified", None)  # that is of another address
    return {**told, **claims}


def _who(provider: Provider, claims: dict[str, Any]) -> Who:
    email = str(claims.get("email") or "")
    groups = claims.get(provider.groups_claim)
    return Who(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=str(claims.get("preferred_username") or email.partition("@")[0] or claims.get("name") or ""),
        email=email if claims.get("email_verified") is True else "",
        groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
    )
