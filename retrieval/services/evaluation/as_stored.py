"""Vectors just encoded, as they would be stored: smoothed by each other where the encoder smooths its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrieval.evaluation import LabelledSet
from retrieval.matching import neighbourhood
from retrieval.models import Encoder
from retrieval.search import vectors


def galleries(rows: Sequence[Encoder], found: Sequence[LabelledSet]) -> tuple[LabelledSet, ...]:
    """Each encoder's gallery, smoothed as one collection of these pictures where the encoder asks for it."""
    return tuple(
        each if row.smooths_id is None else _smoothed(each, by=None) for row, each in zip(rows, found, strict=True)
    )


def queries(
    rows: Sequence[Encoder], found: Sequence[LabelledSet], among: Sequence[LabelledSet]
) -> tuple[LabelledSet, ...]:
    """Each encoder's queries, smoothed by its gallery before that is smoothed; empty where there are none."""
    return tuple(
        each if row.smooths_id is None else _smoothed(each, by=gallery)
        for row, each, gallery in zip(rows, found, among if found else (), strict=bool(found))
    )


def _smoothed(items: LabelledSet, *, by: LabelledSet | None) -> LabelledSet:
    """Items with their vectors smoothed by each other, or by those of a gallery; their lengths stay."""
    own = vectors.unit(items.vectors)
    if by is None:
        smooth = neighbourhood.of_gallery(own.vectors)
    else:
        smooth = neighbourhood.of_queries(own.vectors, vectors.unit(by.vectors).vectors)
    return replace(items, vectors=vectors.raw(smooth, own.lengths))
