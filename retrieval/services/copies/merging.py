"""What the kept picture takes over from its copies: everything that people said and that it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.models.bounds import MOST_TAGS
from retrieval.services.images.image_fields import ImageChanges, checked

TEXTS = ("title", "caption", "group_key", "source_url")
COLUMNS = (*TEXTS, "tags", "metadata")


def carried_over(keep: Image, gone: Sequence[Image]) -> dict[str, Any]:
    """Return the columns of the kept picture that change.

    A text that is empty is taken from the first copy that has one; tags are put behind its own, as many as fit; entries
    of metadata that it lacks are added unless all of it would be too long.
    """
    wanted: dict[str, Any] = {name: _first_said(name, [keep, *gone]) for name in TEXTS}
    wanted["tags"] = list(dict.fromkeys(tag for image in (keep, *gone) for tag in image.tags))[:MOST_TAGS]
    wanted["metadata"] = _metadata([keep, *gone])
    return {name: value for name, value in wanted.items() if value != getattr(keep, name)}


def _first_said(name: str, images: Sequence[Image]) -> str:
    return next((text for image in images if (text := getattr(image, name))), "")


def _metadata(images: Sequence[Image]) -> dict[str, Any]:
    together = {name: value for image in reversed(images) for name, value in image.metadata.items()}
    try:
        return dict(checked(ImageChanges(metadata=together))["metadata"])
    except InvalidInput:
        return dict(images[0].metadata)
