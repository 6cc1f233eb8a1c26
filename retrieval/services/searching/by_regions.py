"""Searching for parts: when pictures are compared by their regions, and which region was found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.matching import Box, boxes
from retrieval.models import Collection, Image
from retrieval.search import Hit, Question, Ranked, nearest, nearest_by_regions
from retrieval.services.searching.search_request import SearchRequest

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def asked(question: Question, request: SearchRequest, *, user: Viewer) -> Question:
    """The question by regions, where that is asked for and one of the collections searched keeps them.

    A part of a picture is looked for so by itself, unless bands are asked for, which parts have none of.
    """
    by_itself = request.region is not None and not request.expand and request.min_band is None
    if not (by_itself if request.regions is None else request.regions):
        return question
    homes = Collection.objects.visible_to(user).filter(regions=True)
    if request.collections is not None:
        homes = homes.filter(pk__in=request.collections)
    return replace(question, regions=homes.exists())


def ranked(question: Question, *, user: Viewer) -> Ranked:
    """Rank by whole pictures, or by the best of their regions."""
    return nearest_by_regions(question, user=user) if question.regions else nearest(question, user=user)


def box(hit: Hit, image: Image) -> Box | None:
    """The region that was found; None for the whole picture."""
    return boxes(image.width, image.height)[hit.region - 1] if hit.region else None
