"""Which vectors a search may look at: the encoder's, of pictures the person may see, narrowed by what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from retrieval.models import Collection, Embedding, EmbeddingCount, Encoder
from retrieval.search import counts
from retrieval.search.words import Words

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# Up to here collections are named by id, so that the planner sees how many rows there are; beyond, by a subquery.
FEW_COLLECTIONS = 1_000


@dataclass(frozen=True)
class Filters:
    """What narrows a search; ``collections`` None means all that the person may see.

    ``without``: pictures with all words of one of these are left out.
    """

    collections: tuple[UUID, ...] | None = None
    tags: tuple[str, ...] = ()
    words: Words | None = None
    exclude: tuple[UUID, ...] = ()
    exclude_groups: tuple[str, ...] = ()
    without: tuple[Words, ...] = ()
    only: tuple[UUID, ...] | None = None

    @property
    def by_picture(self) -> Q:
        """The conditions on each picture, apart from what is left out."""
        condition = Q(image__tags__contains=[normalize("NFC", tag) for tag in self.tags]) if self.tags else Q()
        if self.only is not None:
            condition &= Q(image_id__in=self.only)
        return condition & self.words.condition() if self.words else condition

    @property
    def left_out(self) -> Q:
        """The pictures that are not to be found again."""
        condition = Q(image_id__in=self.exclude) if self.exclude else Q()
        if self.exclude_groups:
            condition |= Q(image__group_key__in=self.exclude_groups)
        for words in self.without:
            condition |= words.condition()
        return condition


@dataclass(frozen=True)
class Scope:
    """The rows to search, and how many they are; where the count stopped at its bound, there are ``more``."""

    rows: QuerySet[Embedding]
    candidates: int
    more: bool = False


def resolve(filters: Filters, *, encoder: Encoder, user: Viewer, bound: int) -> Scope:
    """Find the rows; count them by the collections' counters where that is enough, else up to ``bound`` + 1."""
    visible = Collection.objects.visible_to(user)
    if filters.collections is not None:
        visible = visible.filter(pk__in=filters.collections)
    condition, total = _collections(visible, encoder=encoder)
    rows = Embedding.objects.filter(condition, encoder=encoder)
    if filters.by_picture:
        rows = _without(rows.filter(filters.by_picture), filters)
        candidates = rows.values("image_id")[: bound + 1].count()
        return Scope(rows, candidates, more=candidates > bound)
    if filters.left_out:
        total -= rows.filter(filters.left_out).count()
    return Scope(_without(rows, filters), total)


def everything(encoder: Encoder) -> Scope:
    """Return all that anybody may find by this encoder."""
    return Scope(Embedding.objects.filter(encoder=encoder, collection__isnull=False), counts.total(encoder))


def _collections(visible: QuerySet[Collection], *, encoder: Encoder) -> tuple[Q, int]:
    """The condition that keeps these collections, and how many vectors they have."""
    counts = EmbeddingCount.objects.filter(collection__in=visible, encoder=encoder, images__gt=0)
    few = dict(counts.values_list("collection_id", "images")[: FEW_COLLECTIONS + 1])
    if len(few) <= FEW_COLLECTIONS:
        return Q(collection_id__in=list(few)), sum(few.values())
    return Q(collection__in=visible), counts.aggregate(total=Sum("images"))["total"]


def _without(rows: QuerySet[Embedding], filters: Filters) -> QuerySet[Embedding]:
    return rows.exclude(filters.left_out) if filters.left_out else rows
