"""How many vectors there are, by counters that triggers keep: at once, however many they are."""

from __future__ import annotations

from django.db.models import Expression, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from retrieval.models import Collection, EmbeddingCount, Encoder


def total(encoder: Encoder | None, *, within: QuerySet[Collection] | None = None) -> int:
    """Return how many vectors by this encoder a search may find, in all collections or in these."""
    rows = EmbeddingCount.objects.filter(encoder=encoder)
    found: int | None = (rows if within is None else rows.filter(collection__in=within)).aggregate(n=Sum("images"))["n"]
    return found or 0


def of_collection(encoder: Encoder | None) -> Expression:
    """Return how many vectors by this encoder the collection of the outer query has."""
    counted = EmbeddingCount.objects.filter(encoder=encoder, collection=OuterRef("pk")).values("images")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))
