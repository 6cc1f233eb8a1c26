"""Words that were read from pictures: how they are indexed and looked for, beside those written about pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable, SearchVector
from django.db.models import Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression

from retrieval.models import Collection, Image, ImageText
from retrieval.search.spelling import UNSPACED, composed, divided

RUNS = re.compile(f"{UNSPACED.pattern}+")

Rows = QuerySet[Any, Any]


def text_of(lines: Iterable[str]) -> str:
    """Return lines as the one text that is kept: composed, a line each."""
    return composed("\n".join(lines))


def vector(text: str) -> CombinedExpression:
    """Return what finds a text: its words as they are, their English stems, and pairs where no spaces stand."""
    written = Value(divided(text))
    pairs = Value(" ".join(_pairs(text)))
    return (
        SearchVector(written, config="simple")
        + SearchVector(written, config="english")
        + SearchVector(pairs, config="simple")
    )


def having(query: SearchQueryCombinable) -> Rows:
    """Return the ids of pictures on which such words were read, while their collections have them read."""
    return _counting().filter(words=query).values("image_id")


def containing(part: str) -> Rows:
    """Return the ids of pictures on which this was read anywhere; it has a sign of a script without spaces."""
    pairs = [pair for run in RUNS.findall(part) for pair in (map("".join, pairwise(run)) if len(run) > 1 else run)]
    query = SearchQuery(" ".join(pairs), config="simple", search_type="plain")
    return _counting().filter(words=query, text__icontains=part).values("image_id")


def are_kept() -> bool:
    """Tell whether any collection has words read."""
    return Collection.objects.filter(read_text=True).exists()


def either(written: Q, read: Rows) -> Q:
    """Return the condition on ``Image`` rows to pass ``written`` or be in ``read``.

    As one list of ids, which takes an index each: of two conditions with "or" between them the database would look at
    every row.
    """
    return Q(pk__in=Image.objects.filter(written).order_by().values("pk").union(read, all=True))


def _counting() -> QuerySet[ImageText]:
    return ImageText.objects.filter(image__collection__read_text=True)


def _pairs(text: str) -> list[str]:
    """Each sign of a script without spaces, and each two neighbours."""
    runs = RUNS.findall(composed(text))
    return [found for run in runs for found in (*run, *map("".join, pairwise(run)))]
