"""Long work that administrators have done on a collection which they see: who may, and who may follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from retrieval.models import Collection, LongJob
from retrieval.services.images import collections
from retrieval.services.people import rights
from retrieval.work import Row

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def require(row: LongJob, person: Viewer) -> None:
    """Raise Forbidden or NotFound when this person may not have it done any more."""
    rights.require_administrator(person, to="have this done")
    collections.find(row.collection_id, user=person)


def seen_by(person: Viewer, *, model: type[Row], large: tuple[str, ...] = ("result",)) -> QuerySet[Row]:
    """Return those on collections that this administrator sees, their ``large`` columns unread. Raises Forbidden."""
    rights.require_administrator(person, to="follow this")
    return model._default_manager.filter(collection__in=Collection.objects.visible_to(person)).defer(*large)
