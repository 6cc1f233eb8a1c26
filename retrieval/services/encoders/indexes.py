"""The care of the vector indexes: built when worth it, repaired, dropped with their encoder, checked for recall."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import structlog

from retrieval import conf
from retrieval.errors import Conflict
from retrieval.models import Encoder, RecallFigure
from retrieval.search import counts, indexes, recall

log = structlog.get_logger(__name__)

GUARD_QUERIES = 100
GUARD_K = 10


class IndexState(StrEnum):
    """How an encoder's index is; searches are exact unless it is ready."""

    UNNEEDED = "unneeded"
    MISSING = "missing"
    BUILDING = "building"
    INVALID = "invalid"
    READY = "ready"


@dataclass(frozen=True)
class IndexReport:
    """One encoder's index: its state, the vectors there are, and its size in bytes."""

    encoder: Encoder
    state: IndexState
    vectors: int
    size: int


def overview() -> list[IndexReport]:
    """Return the state of every encoder's index."""
    return [report(encoder) for encoder in Encoder.objects.all()]


def report(encoder: Encoder) -> IndexReport:
    """Return the state of one encoder's index."""
    index, vectors = indexes.find(encoder), counts.total(encoder)
    return IndexReport(encoder, _state(encoder, index, vectors), vectors, index.size if index else 0)


def ensure(encoder: Encoder) -> IndexReport:
    """Build the index when there are more vectors than an exact search takes; repair a half-built one.

    May take minutes, during which searches are exact. Another builder at work is left alone. Must not be called
    inside a transaction.
    """
    now = report(encoder)
    if now.state in {IndexState.MISSING, IndexState.INVALID}:
        try:
            indexes.build(encoder, rows=now.vectors)
        except Conflict:
            log.info("index_is_being_built", encoder=encoder.name)
        else:
            log.info("index_built", encoder=encoder.name, vectors=now.vectors, before=now.state)
    return report(encoder)


def rebuild(encoder: Encoder) -> IndexReport:
    """Build a ready index anew beside the old one, worth it after many deletions; else do what ``ensure`` does."""
    now = report(encoder)
    if now.state != IndexState.READY:
        return ensure(encoder)
    indexes.rebuild(encoder, rows=now.vectors)
    return report(encoder)


def progress() -> indexes.Progress | None:
    """Return how far the running build is; to be asked from another connection than the builder's."""
    return indexes.progress()


def drop(encoder: Encoder) -> None:
    """Remove the encoder's index; its searches are exact from then on."""
    indexes.drop(encoder.pk)


def tidy() -> list[str]:
    """Drop indexes whose encoder is gone and what broken rebuilds left; return their names."""
    kept = {indexes.name_of(pk) for pk in Encoder.objects.values_list("pk", flat=True)}
    strays = [name for name in indexes.names() if name not in kept]
    for name in strays:
        indexes.drop_named(name)
    return strays


def half_built() -> list[str]:
    """Return the names of the indexes, of any kind and table, that a broken build left, for the audit."""
    return indexes.half_built()


def mend() -> None:
    """Build what encoders lack, drop what is nobody's, and finish every other half-built index.

    May take minutes. Another builder at work is left alone.
    """
    for encoder in Encoder.objects.wanted():
        ensure(encoder)
    tidy()
    for name in half_built():
        indexes.finish(name)


def guard(*, queries: int = GUARD_QUERIES, k: int = GUARD_K) -> RecallFigure | None:
    """Compare the index with the exact answers for stored vectors of the active encoder, and keep the figure.

    The figure is the mean share of the exact ``k`` nearest that the index found. None when the searches are exact
    anyway.
    """
    encoder = Encoder.objects.active()
    if encoder is None or report(encoder).state != IndexState.READY:
        return None
    found = recall.shares(encoder, queries=queries, k=k)
    if not found:
        return None
    figure = RecallFigure.objects.create(encoder=encoder, recall=float(np.mean(found)), queries=len(found), k=k)
    log.info("recall_measured", encoder=encoder.name, recall=figure.recall, queries=figure.queries, k=k)
    return figure


def _state(encoder: Encoder, index: indexes.Index | None, vectors: int) -> IndexState:
    if index is not None and index.valid:
        return IndexState.READY
    if indexes.is_building(encoder):
        return IndexState.BUILDING
    if index is not None:
        return IndexState.INVALID
    worth_it = vectors > conf.get().exact_candidates and encoder.dimension <= indexes.MOST_DIMENSIONS
    return IndexState.MISSING if worth_it else IndexState.UNNEEDED
