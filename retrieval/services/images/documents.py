"""Documents and videos: the first page or scene is a picture at once, a worker makes the others of the same file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval.errors import NotFound
from retrieval.ingest import Part, files
from retrieval.models import Image
from retrieval.services.images.image_fields import ImageChanges
from retrieval.services.images.imports import Source

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def file_of(document: UUID) -> Path | None:
    """Where the document's file lies; None once its first page was deleted."""
    first = _first(document)
    return files.original(first.sha256) if first else None


def sources(document: UUID, *, start: int, scenes: Sequence[float] = ()) -> Iterator[Source]:
    """Yield the pages behind the first one and behind ``start`` more, with the words of the first.

    ``scenes``: in which second each begins, of a video.

    Raises NotFound when the first page was deleted, FileNotFoundError when only its file is gone.
    """
    first = _first(document)
    if first is None:
        raise NotFound("The document is not there any more.", code="archive_missing")
    data = files.original(first.sha256).read_bytes()
    texts = ImageChanges(
        title=first.title, tags=first.tags, group_key=first.group_key, source_url=first.source_url,
        metadata=first.metadata,
    )  # fmt: skip
    for page in range(start + 2, first.pages + 1):
        part = Part(page, first.pages, scenes[page - 1] if scenes else None)
        yield Source(f"{first.title} {page}", data, texts=texts, part=part, document=document)


@dataclass(frozen=True)
class Beside:
    """The pages before and after one; None where there is none, or none yet."""

    before: UUID | None = None
    after: UUID | None = None


def beside(image: Image, *, user: Viewer) -> Beside:
    """Return the neighbours that this person may see of a page; none for a picture that is not one."""
    if image.document is None:
        return Beside()
    near = Image.objects.visible_to(user).filter(document=image.document, page__in=(image.page - 1, image.page + 1))
    found: dict[int, UUID] = dict(near.values_list("page", "pk"))
    return Beside(found.get(image.page - 1), found.get(image.page + 1))


def _first(document: UUID) -> Image | None:
    return Image.objects.alive().filter(document=document, page=1).first()
