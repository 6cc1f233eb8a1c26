"""What was read from a picture, line by line, for those who see the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from retrieval.models import ImageText
from retrieval.services.images import images

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


@dataclass(frozen=True)
class Line:
    """A line of text, and the upright box around it in fractions of the upright picture."""

    text: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Text:
    """All that was read from a picture; None and no lines where nothing is read, or it waits for that."""

    text: str | None
    lines: tuple[Line, ...] = ()


def read_from(image_id: UUID | str, *, user: Viewer) -> Text:
    """Return what was read from a picture that the person sees. Raises NotFound, be it hidden or absent."""
    image: Any = images.get(image_id, user=user)
    if image.text is None:
        return Text(None)
    row = ImageText.objects.only("lines").filter(image_id=image.pk).first()
    return Text(image.text, tuple(Line(*line) for line in row.lines) if row else ())
