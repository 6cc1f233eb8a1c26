"""The columns of a new picture: what its uploader says, and where they say nothing, what its file says."""

from __future__ import annotations

from typing import Any

from retrieval.ingest import Decoded
from retrieval.models import Collection
from retrieval.services.images.image_fields import ImageChanges, checked, shown_name, title_of

__all__ = ["columns"]


def columns(decoded: Decoded, *, name: str, said: ImageChanges, collection: Collection) -> dict[str, Any]:
    """Return them. A title, caption, tags or a moment that the uploader gave stands, be it empty.

    Without one the file's own title comes before its name, and its name is its path. Where the
    collection drops places none is kept; the original stays as it was sent. Raises InvalidInput for what
    the uploader says.
    """
    facts = decoded.facts
    latitude, longitude = (None, None) if facts.place is None or collection.drop_place else facts.place
    texts = ImageChanges(
        title=facts.title or title_of(name), caption=facts.caption, tags=facts.keywords, taken_at=facts.moment
    )
    found = {"camera": facts.camera, "latitude": latitude, "longitude": longitude, "path": shown_name(name)}
    return {**found, **checked(texts), **checked(said)}
