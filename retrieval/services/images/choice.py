"""Which pictures are meant: the filters of lists, and the choices of acts on many at once."""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING
from unicodedata import normalize
from uuid import UUID

from django.db.models import Q

from retrieval.errors import InvalidInput
from retrieval.models import Image
from retrieval.models.images import ImageQuerySet
from retrieval.search import words

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

MOST = 100_000  # pictures of one choice
MOST_IDS = 25_000  # named one by one: so many fit into a JSON body


@dataclass(frozen=True)
class ImageFilters:
    """What to keep of a list; None keeps all."""

    collection: UUID | None = None
    status: str | None = None
    tag: str | None = None
    group_key: str | None = None
    q: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    document: UUID | None = None
    taken_after: datetime | None = None
    taken_before: datetime | None = None
    camera: str | None = None
    favourite: bool | None = None
    path: str | None = None

    @property
    def empty(self) -> bool:
        """Whether everything passes."""
        return all(getattr(self, each.name) is None for each in fields(self))


@dataclass(frozen=True)
class Choice:
    """Pictures named one by one, or all that pass filters, but for some: exactly one of the two."""

    ids: Several[UUID] | None = None
    filters: ImageFilters | None = None
    but: Several[UUID] = ()


def listing(user: Viewer, *, filters: ImageFilters) -> ImageQuerySet:
    """Return the visible pictures that pass the filters, with their status, newest first."""
    wanted = {
        "collection_id": filters.collection,
        "tags__contains": [normalize("NFC", filters.tag)] if filters.tag else None,
        "group_key": filters.group_key,
        "document": filters.document,
        "created_at__gt": filters.created_after,
        "created_at__lt": filters.created_before,
        "taken_at__gt": filters.taken_after,
        "taken_at__lt": filters.taken_before,
        "camera": filters.camera,
        "favourite": filters.favourite,
        "path__startswith": filters.path,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    told = words.listed(filters.q) if filters.q else Q()
    seen = Image.objects.visible_to(user).with_status().with_favourite(user).with_text()
    seen = seen.of_status(filters.status) if filters.status else seen
    return seen.filter(told, **given).order_by("-created_at", "-id")


def chosen(choice: Choice, *, user: Viewer) -> ImageQuerySet:
    """Return those of the chosen pictures that this person sees, with their status.

    Raises InvalidInput for neither or both ways of naming them, for too many ids, and for filters that keep all: who
    sends a filter that was left empty does not mean everything that they see.
    """
    if (choice.ids is None) == (choice.filters is None):
        raise InvalidInput.of("ids", "Name pictures by ids or by a filter: one of the two.")
    if choice.filters is not None:
        if choice.filters.empty:
            raise InvalidInput.of("filter", "Name at least one filter.")
        if len(choice.but) > MOST_IDS:
            raise InvalidInput.of("but", f"At most {MOST_IDS} ids; narrow the choice instead.")
        return listing(user, filters=choice.filters).exclude(pk__in=choice.but)
    ids = set(choice.ids or ())
    if len(ids) > MOST_IDS:
        raise InvalidInput.of("ids", f"At most {MOST_IDS} ids; a filter may mean {MOST} pictures.")
    return Image.objects.visible_to(user).with_status().filter(pk__in=ids)


def require_few(count: int) -> None:
    """Raise InvalidInput when so many pictures are more than one act takes."""
    if count > MOST:
        raise InvalidInput.of("filter", f"These are more than {MOST} pictures; narrow the choice.")
