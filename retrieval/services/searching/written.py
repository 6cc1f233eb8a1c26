"""Whether hits by words have them written about them, or whether they were read from the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from retrieval.search import Hit, Words, fusion

OCR = "ocr"


def told(
    found_by: Mapping[UUID, tuple[str, ...]], hits: Sequence[Hit], *, words: Words | None
) -> dict[UUID, tuple[str, ...]]:
    """Say of these hits by which of ``words`` and ``ocr`` each was found, in the place of words alone."""
    ids = [hit.image_id for hit in hits if fusion.WORDS in found_by.get(hit.image_id, ())]
    places = words.places(ids) if words and ids else {}
    return dict(found_by) | {pk: _instead(found_by[pk], *place) for pk, place in places.items()}


def _instead(kinds: tuple[str, ...], written: bool, read: bool) -> tuple[str, ...]:
    others = tuple(kind for kind in kinds if kind != fusion.WORDS)
    return (*others, *(kind for kind, held in ((fusion.WORDS, written), (OCR, read)) if held))
