"""The house's identity provider from its variables: all that it takes is there, and it is reached safely."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from imagesearch.env import BadVariable
from imagesearch.safety import LOCAL_HOSTS
from retrieval.conf import Provider

ISSUER = "IMAGESEARCH_OIDC_ISSUER"
SCHEMES = frozenset({"https", "http"})
SAYS = "must be the address that the provider calls its issuer, as https://id.example/house."
NONE = "off"  # of a secret that has to be a file, and holds none


def provider(said: Provider, *, passwords: bool = True) -> Provider | None:
    """Return the provider, or None where no variable names one; by its host where it has no name for people.

    Without ``passwords`` and a provider nobody could sign in.
    """
    if not said.issuer:
        if said.client_id:
            raise BadVariable(ISSUER, "must be set when IMAGESEARCH_OIDC_CLIENT_ID is.")
        if not passwords:
            raise BadVariable("IMAGESEARCH_PASSWORDS", f"can be off only where {ISSUER} names a provider.")
        return None
    parts = _parted(said.issuer)
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
        raise BadVariable(ISSUER, "must start with https:// unless the provider is on this machine.")
    if not said.client_id:
        raise BadVariable("IMAGESEARCH_OIDC_CLIENT_ID", f"must be set when {ISSUER} is.")
    if "openid" not in said.scopes.split():
        raise BadVariable("IMAGESEARCH_OIDC_SCOPES", "must hold the word openid.")
    secret = "" if said.client_secret == NONE else said.client_secret
    return replace(said, name=said.name or str(parts.hostname), client_secret=secret)


def _parted(issuer: str) -> SplitResult:
    try:
        parts = urlsplit(issuer)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise BadVariable(ISSUER, SAYS) from None
    if not usable or parts.query or parts.fragment or parts.username:
        raise BadVariable(ISSUER, SAYS)
    return parts
