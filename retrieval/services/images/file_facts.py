"""The columns of a new picture: what its uploader says, and where they say nothing, what its file says."""

from __future__ import annotations

from typing import Any

from retrieval.ingest import Decoded
from retrieval.models import Collection
from retrieval.services.images.image_fields import ImageChanges, checked, shown_name, title_of

__all__ = ["columns", "taken"]


def columns(decoded: Decoded, *, name: str, said: ImageChanges, collection: Collection) -> dict[str, Any]:
    """Return them. A title, caption, tags or a moment that the uploader gave stands, be it empty.

    Without one the file's own title comes before its name, and its name is its path. Raises InvalidInput for what the
    uploader says.
    """
    facts = decoded.facts
    texts = ImageChanges(title=facts.title or title_of(name), caption=facts.caption, tags=facts.keywords)
    found = {"path": shown_name(name), **taken(decoded, collection)}
    return {**found, **checked(texts), **checked(said)}


def taken(decoded: Decoded, collection: Collection) -> dict[str, Any]:
    """Return the columns of when, by what and where a picture was taken, as its file says.

    Where the collection drops places none is kept; the original stays as it was sent.
    """
    facts = decoded.facts
    latitude, longitude = (None, None) if facts.place is None or collection.drop_place else facts.place
    found = {"camera": facts.camera, "latitude": latitude, "longitude": longitude}
    return {**found, **checked(ImageChanges(taken_at=facts.moment))}
