"""The care of the vector indexes: built when worth it, repaired, dropped with their encoder, checked for recall."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import structlog
from django.db import transaction

from retrieval import conf
from retrieval.errors import Conflict
from retrieval.models import Encoder, IndexKind, RecallFigure
from retrieval.search import counts, indexes, recall, stored
from retrieval.services.people import accounts, rights
from retrieval.work import neighbourhoods

if TYPE_CHECKING:
    from django.contrib.auth.models import User

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


@dataclass(frozen=True)
class Choice:
    """One kind of index for an encoder: whether it is the wanted one, its size now, and what was last measured of it.

    ``size`` is 0 where there is none; ``measured`` is None until there was one to measure.
    """

    kind: IndexKind
    wanted: bool
    size: int
    measured: RecallFigure | None


def choices(encoder: Encoder) -> list[Choice]:
    """Return the kinds of index that the encoder can have, the usual one first."""
    figures = {kind: encoder.recall_figures.filter(kind=kind).first() for kind in IndexKind}
    found = {kind: indexes.find(encoder, kind) for kind in IndexKind}
    return [
        Choice(kind, kind == encoder.index_kind, index.size if index and index.valid else 0, figures[kind])
        for kind, index in found.items()
    ]


def choose(encoder: Encoder, kind: IndexKind, *, user: User) -> Encoder:
    """Let the encoder be searched by another kind of index, once the care for indexes has built it.

    Until then it is searched by the one that it has. The edge wakes that care. Raises Forbidden for other than
    administrators, and Conflict (encoder_incomplete) while there is no vector to tell bits apart by.
    """
    rights.require_administrator(user)
    centre = stored.mean(encoder) if kind == IndexKind.BITS else None
    if kind == IndexKind.BITS and centre is None:
        raise Conflict("There is no vector by this encoder yet; build it first.", code="encoder_incomplete")
    with transaction.atomic():
        row = Encoder.objects.select_for_update().get(pk=encoder.pk)
        if row.index_kind != kind:
            row.index_kind, row.bits_centre = kind, centre
            row.save(update_fields=["index_kind", "bits_centre"])
            accounts.record(user, "encoder.index", row, name=row.name, kind=kind.value)
    return row


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
    """Drop indexes whose encoder is gone or wants another kind by now, and what broken rebuilds left; return names."""
    kept = {name for encoder in Encoder.objects.all() for name in indexes.needed(encoder)}
    strays = [name for name in indexes.names() if name not in kept]
    for name in strays:
        indexes.drop_named(name)
    return strays


def half_built() -> list[str]:
    """Return the names of the indexes, of any kind and table, that a broken build left, for the audit."""
    return indexes.half_built()


def care() -> None:
    """Smooth vectors, build what encoders lack, drop what is nobody's, and measure what was not measured yet.

    May take minutes. Another builder at work is left alone.
    """
    neighbourhoods.work()
    for encoder in Encoder.objects.wanted():
        ensure(encoder)
    tidy()
    measure_new()


def mend() -> None:
    """Do what ``care`` does, and finish every other half-built index."""
    care()
    for name in half_built():
        indexes.finish(name)


def guard(*, queries: int = GUARD_QUERIES, k: int = GUARD_K) -> RecallFigure | None:
    """Compare the index with the exact answers for stored vectors of the active encoder, and keep the figure.

    The figure is the mean share of the exact ``k`` nearest that the index found. None when the searches are exact
    anyway.
    """
    encoder = Encoder.objects.active()
    return measure(encoder, queries=queries, k=k) if encoder else None


def measure_new() -> None:
    """Measure the indexes of which nothing was measured yet, so that kinds can be compared."""
    for encoder in Encoder.objects.wanted():
        if not encoder.recall_figures.filter(kind=encoder.index_kind).exists():
            measure(encoder)


def measure(encoder: Encoder, *, queries: int = GUARD_QUERIES, k: int = GUARD_K) -> RecallFigure | None:
    """Do what ``guard`` does for any encoder."""
    now = report(encoder)
    if now.state != IndexState.READY:
        return None
    found = recall.shares(encoder, queries=queries, k=k)
    if not found:
        return None
    figure = RecallFigure.objects.create(
        encoder=encoder, kind=encoder.index_kind, size=now.size, recall=float(np.mean(found)), queries=len(found), k=k
    )
    log.info("recall_measured", encoder=encoder.name, recall=figure.recall, queries=figure.queries, k=k)
    return figure


def _state(encoder: Encoder, index: indexes.Index | None, vectors: int) -> IndexState:
    if index is not None and index.valid:
        return IndexState.READY
    if indexes.is_building(encoder):
        return IndexState.BUILDING
    if index is not None:
        return IndexState.INVALID
    worth_it = vectors > conf.get().exact_candidates and indexes.can_be_built(encoder)
    return IndexState.MISSING if worth_it else IndexState.UNNEEDED
