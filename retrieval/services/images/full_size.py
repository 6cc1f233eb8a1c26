"""A picture at its full size, made for a browser from an original that it may not know; and who looked at originals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval import caller
from retrieval.errors import NotFound
from retrieval.ingest import Part, sandbox, store
from retrieval.services.people import accounts, askers, limits

if TYPE_CHECKING:
    from retrieval.models import Image
    from retrieval.models.collections import Viewer

SEEN_SECONDS = 3600  # what somebody does again with the same original within this time is no further line


def made(image: Image, *, user: Viewer, address: str = "") -> bytes:
    """Return the picture as one JPEG: upright, in sRGB, without metadata, as large as the limits allow.

    It is decoded anew each time, as the bytes of an upload are nothing that a browser should read. The caller has
    checked the rights. Raises what ``sandbox.full`` raises, NotFound (``file_missing``), TooMany.
    """
    try:
        asker = askers.waiting(user, address=address)
        return sandbox.full(store.original(image.sha256), part=Part.of(image), asker=asker)
    except FileNotFoundError:
        raise NotFound("The file is not there.", code="file_missing") from None


def viewed(image: Image, *, user: Viewer) -> None:
    """Bring into the trail that somebody looked at the picture at its full size, once in an hour."""
    _note(image, "image.viewed", user=user)


def downloaded(image: Image, *, user: Viewer) -> None:
    """Bring into the trail that somebody had the original sent, or parts of it, once in an hour."""
    _note(image, "image.downloaded", user=user)


def _note(image: Image, action: str, *, user: Viewer) -> None:
    who = str(user.pk) if user.is_authenticated else limits.place(caller.current().address)
    if limits.nth(action, key=f"{who} {image.pk}", per_seconds=SEEN_SECONDS) == 1:
        place = str(image.collection_id)
        if user.is_authenticated:
            accounts.record(user, action, image, collection=place)
        else:
            accounts.note(None, action, image, collection=place)
