"""Draw one page of a PDF document by the optional pypdfium2, a wrapper of PDFium without its scripts."""

from __future__ import annotations

from typing import Any

from PIL import Image

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import extras
from retrieval.ingest.colour import Raster
from retrieval.ingest.sniff import SENTENCES

pdfium: Any = extras.load("pypdfium2")

BEGINNING = b"%PDF-"
POINTS_PER_INCH, DOTS_PER_INCH, LONGEST = 72, 200, 4_000
WRONG_PASSWORD = "password"


class Page:
    """A page of a document whose structure was read. ``size``: width and height in pixels, upright; ``pages``: all.

    A page has no pixels of its own: it is drawn with 200 dots per inch, or fewer where it is longer than 4,000.
    """

    def __init__(self, data: bytes, number: int) -> None:
        """Raises UnsupportedPicture (pdf_encrypted), and RuntimeError and IndexError for damage."""
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            if WRONG_PASSWORD in str(error).lower():
                raise UnsupportedPicture(SENTENCES["pdf_encrypted"], code="pdf_encrypted") from error
            raise
        document.init_forms()  # what was filled in is drawn as well
        self.pages = len(document)
        if not 1 <= number <= self.pages:
            raise IndexError("no such page")
        self._page = document[number - 1]
        points = self._page.get_size()
        self._scale = min(DOTS_PER_INCH / POINTS_PER_INCH, LONGEST / max(1.0, *points))
        self.size = _pixels(points, self._scale)

    def raster(self, divisor: int) -> Raster:
        """Draw the page on white, at its size divided by this."""
        bitmap = self._page.render(scale=self._scale / divisor, rev_byteorder=True)
        image = Image.fromarray(bitmap.to_numpy()[:, :, :3].copy()) if bitmap.n_channels > 1 else bitmap.to_pil()
        return Raster(image)


def _pixels(points: tuple[float, float], scale: float) -> tuple[int, int]:
    width, height = (max(1, round(side * scale)) for side in points)
    return width, height
