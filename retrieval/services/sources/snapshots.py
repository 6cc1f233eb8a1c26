"""Addresses as sources: what may be asked for, and the picture that a camera shows now."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from retrieval.errors import InvalidInput
from retrieval.ingest import Credentials
from retrieval.models import Source
from retrieval.services.images import addresses, imports
from retrieval.services.images.image_fields import ImageChanges


def check(place: str) -> None:
    """Raise InvalidInput naming ``place`` for what is no address or names a password, Forbidden where fetching is off.

    Nothing is asked of any server.
    """
    try:
        parts = urlsplit(place)
        has_password = parts.username is not None
    except ValueError:
        has_password = False
    if has_password:
        raise InvalidInput.of("place", "Give name and password by themselves; the address is shown and told on.")
    try:
        addresses.check(place)
    except InvalidInput as error:
        raise InvalidInput.of("place", error.message, code=error.code) from error


def server(place: str) -> tuple[str, str]:
    """Return what a password is for: scheme, and host with port; nothing for what is no address."""
    try:
        parts = urlsplit(place)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def told(place: str) -> str:
    """Return an address without what stands behind its question mark, which may be a secret."""
    return urlsplit(place)._replace(query="", fragment="").geturl()


def read(source: Source, *, now: datetime) -> imports.Source:
    """Fetch the picture that the camera shows; it was taken now where its file does not say when.

    Raises InvalidInput, TooLarge, Forbidden where fetching is off, and Unavailable.
    """
    known = Credentials(source.username, source.password) if source.username or source.password else None
    found = addresses.snapshot(source.place, credentials=known)
    name = f"{source.name} {now:%Y-%m-%d %H:%M}"
    texts = ImageChanges(source_url=told(source.place))
    return imports.Source(name, found.data, texts=texts, seen=imports.Seen(now, source.name))
