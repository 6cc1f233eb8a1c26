"""Which pictures an encoder learned from, its ancestors' included, and whether a score was measured on these."""

from __future__ import annotations

import re
from collections.abc import Collection as Container
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from retrieval.models import Encoder, TrainingRun

# How labelled and judged call a collection, wherever a scorecard or an origin names one.
COLLECTION = re.compile(r"collection ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
LEARNED_FROM = "learned_from"
"""The part of an origin with all that ``sources`` says, so that an ancestor that is dropped is not forgotten."""
EVERYWHERE = "every collection"
"""The source of what was learned on all pictures that a person saw."""


def sources(encoder: Encoder) -> frozenset[str]:
    """Name what it learned from: collections as datasets name them, EVERYWHERE, and digests of labelled pictures.

    What was made before this was written down is put together from its origin and those of its ancestors.
    """
    if LEARNED_FROM in encoder.origin:
        return frozenset(encoder.origin[LEARNED_FROM])
    return frozenset(_own(encoder.origin)).union(*map(sources, _ancestors(encoder)))


def write(encoder: Encoder, *, ancestors: Iterable[Encoder] = (), also: Iterable[str] = ()) -> None:
    """Add to its origin, unsaved, what it learned from: what the origin names, its ancestors' sources, and these."""
    found = {*_own(encoder.origin), *also}.union(*map(sources, ancestors))
    encoder.origin = {**encoder.origin, LEARNED_FROM: sorted(found)}


def of_set(*, dataset: str, digest: str) -> set[str]:
    """What to keep of a set that something is learned from: the collection, if it is one, and the digest."""
    named = COLLECTION.search(dataset)
    return {digest, named[0]} if named else {digest}


def among(learned_from: Container[str], *, dataset: str, digest: str) -> bool:
    """Tell whether a set of this name and digest is among those that were learned from.

    Of a collection the whole one counts, whatever its labels are and whichever pictures came or went since; of a folder
    the digest of its pictures and labels.
    """
    named = COLLECTION.search(dataset)
    return digest in learned_from or (named is not None and (named[0] in learned_from or EVERYWHERE in learned_from))


def learned_cards(encoder: Encoder) -> set[str]:
    """Name the encoder's scorecards that were measured on what it learned from."""
    found = sources(encoder) if encoder.scores else frozenset()
    return {
        name for name, card in encoder.scores.items() if among(found, dataset=name, digest=str(card.get("digest", "")))
    }


def _own(origin: Mapping[str, Any]) -> Iterator[str]:
    """What the origin itself names."""
    if "collection" in origin:
        yield f"collection {origin['collection']}" if origin["collection"] else EVERYWHERE
    if origin.get("data"):
        yield origin["data"]
    if calibrated := COLLECTION.search(origin.get("calibrated_on", "")):
        yield calibrated[0]
    if run := origin.get("training_run"):
        homes = TrainingRun.objects.filter(pk=run).values_list("collection_id", flat=True)
        yield from (f"collection {home}" for home in homes)


def _ancestors(encoder: Encoder) -> QuerySet[Encoder]:
    """The encoders it was projected from or made smaller of; only older ones, as a name may be given again."""
    source, whole = encoder.origin.get("source"), encoder.origin.get("compressed_from")
    if not (source or whole):
        return Encoder.objects.none()
    return Encoder.objects.filter(Q(pk=source) | Q(name=whole), created_at__lt=encoder.created_at)
