"""Words read from a picture, for its page: the lines, those that were looked for, and a drawing of where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from retrieval.models import Image
from retrieval.services.images.texts import Line, Text

SHOWN_SIDE = 1280  # of the thumbnail that lies under the drawing
# Attributes, as a page's policy lets no style into it.
RECTANGLE = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" {}/>'
MARKED, FOUND = 'fill="#ffd54a" fill-opacity=".3" stroke="#b8860b"', 'fill="#ff8a00" fill-opacity=".5" stroke="#d35400"'
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" stroke-width="{:.1f}">{}</svg>'


@dataclass(frozen=True)
class ReadPage:
    """The lines with whether each was looked for, their text to copy, and the drawing as a ``data:`` address."""

    lines: list[tuple[Line, bool]]
    text: str
    drawing: str

    @property
    def found(self) -> bool:
        """Whether any of them was looked for."""
        return any(wanted for _, wanted in self.lines)


def page_of(image: Image, text: Text, *, wanted: str) -> ReadPage | None:
    """Return what the page shows of a text; None where there is none. ``wanted`` are the words of the search before."""
    if not text.lines:
        return None
    words = wanted.casefold().split()
    lines = [(line, any(word in line.text.casefold() for word in words)) for line in text.lines]
    return ReadPage(lines, text.text or "", _drawing(image, lines))


def _drawing(image: Image, lines: Sequence[tuple[Line, bool]]) -> str:
    """The boxes on a ground as large as the thumbnail, so that both are laid out alike."""
    scale = min(1.0, SHOWN_SIDE / max(image.width, image.height))
    width, height = (max(1, round(side * scale)) for side in (image.width, image.height))
    rectangles = "".join(
        RECTANGLE.format(line.x * width, line.y * height, line.w * width, line.h * height, FOUND if wanted else MARKED)
        for line, wanted in lines
    )
    drawn = DRAWING.format(width, height, max(width, height) / 900, rectangles)
    return f"data:image/svg+xml,{quote(drawn)}"
