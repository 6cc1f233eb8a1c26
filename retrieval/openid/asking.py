"""Asks the provider and reads its small JSON answers: where the operator named it, else on the open internet alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import SplitResult, urlsplit

from retrieval.errors import InvalidInput, TooLarge, Unavailable
from retrieval.ingest import fetch

MOST_BYTES, SECONDS = 1024 * 1024, 10.0
# A provider that hangs must not keep every thread of the web server waiting.
PLACES, WAIT = BoundedSemaphore(4), 2.0
JSON = {"Accept": "application/json", "Accept-Encoding": "identity"}


def ask(
    url: str, *, issuer: str, body: bytes | None = None, headers: Mapping[str, str] = JSON
) -> tuple[int, dict[str, Any]]:
    """Get, or post a form; return the status and the object that came back. Raises Unavailable (``provider_away``)."""
    if not PLACES.acquire(timeout=WAIT):
        raise away("Others are waiting for the provider already.")
    try:
        return _asked(url, issuer=issuer, body=body, headers=headers)
    finally:
        PLACES.release()


def _asked(url: str, *, issuer: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    form = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        status, data = fetch.ask(url, rules(url, issuer=issuer), body=body, headers={**JSON, **headers, **form})
        found = json.loads(data)
    except (InvalidInput, TooLarge, ValueError, RecursionError) as error:
        raise away(f"{urlsplit(url).hostname}: {error}") from error
    if not isinstance(found, dict):
        raise away(f"{urlsplit(url).hostname} answers with no object.")
    return status, found


def rules(url: str, *, issuer: str) -> fetch.FetchRules:
    """The issuer's own host and port are the operator's choice, be they inside; others are held to the usual rules."""
    if _place(urlsplit(url)) == _place(urlsplit(issuer)):
        return fetch.FetchRules(MOST_BYTES, SECONDS, redirects=0, allowed=lambda _address: True, ports=range(1, 65536))
    return fetch.FetchRules(MOST_BYTES, SECONDS, redirects=0)


def away(message: str) -> Unavailable:
    """The error of a provider that cannot be asked, or answers what nobody understands."""
    return Unavailable(message, code="provider_away", retry_after=30)


def _place(parts: SplitResult) -> tuple[str | None, int | None]:
    return parts.hostname, parts.port or fetch.PORTS.get(parts.scheme)
