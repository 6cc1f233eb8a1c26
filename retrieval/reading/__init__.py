"""Words in pictures: where lines of text are and what they say. Pixels in, lines out; no Django, no torch."""

from retrieval.reading.lines import TextLine
from retrieval.reading.reader import is_installed, read, short_side

__all__ = ["TextLine", "is_installed", "read", "short_side"]
