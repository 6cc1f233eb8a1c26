"""The audit of smoothed vectors: each is made of the neighbours that its picture has now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction

from retrieval.matching import neighbourhood
from retrieval.models import Encoder, Neighbours, SmoothedCollection
from retrieval.search import Floats, QueryVector, smoothing, stored, vectors
from retrieval.services.operations.findings import SHOWN, Finding
from retrieval.work import neighbourhoods

Places = neighbourhoods.Places
Units = Mapping[UUID, QueryVector]

CODES = frozenset({"vector_stale"})
DRAWN = 2_000  # pictures of a collection whose neighbours are looked for again; of fewer, all
NOISE = 1e-4  # of a cosine: which of two equals is the neighbour is nobody's fault
ROUNDED = 2e-3  # of a number of a unit vector in half precision


def smoothed() -> Iterator[Finding]:
    """In collections that do not wait for it, every vector is smoothed by the neighbours that its picture has now.

    That it was made from another vector, or of a picture that left, is looked for in all; that a nearer one was missed,
    or that the numbers are not what the formula gives, in those that are drawn.
    """
    for encoder, collection_id in _settled():
        for image_id in _stale(encoder, collection_id)[:SHOWN]:
            yield Finding("vector_stale", f"{image_id} by {encoder.pk}", "It is not smoothed by its neighbours of now.")


def ask_again() -> int:
    """Let such vectors be smoothed anew, and those that they are neighbours of; return how many."""
    asked = 0
    for encoder, collection_id in _settled():
        stale = _stale(encoder, collection_id)
        with transaction.atomic():
            Neighbours.objects.filter(encoder=encoder, image__in=stale).delete()
            if stale:
                SmoothedCollection.objects.filter(encoder=encoder, collection=collection_id).delete()
        asked += len(stale)
    return asked


def _settled() -> list[tuple[Encoder, UUID]]:
    wanted = Encoder.objects.wanted().exclude(smooths=None).order_by("pk")
    return [(encoder, collection_id) for encoder in wanted for collection_id in smoothing.settled(encoder)]


def _stale(encoder: Encoder, collection_id: UUID) -> list[UUID]:
    """The pictures whose vectors are not smoothed as they should be; those without any are another part's."""
    there, made = smoothing.members(encoder.smooths_id, collection_id), neighbourhoods.made(encoder, collection_id)
    found = neighbourhoods.due(there, made)
    known = np.setdiff1d(np.arange(len(there.ids)), np.concatenate(found))
    drawn = np.sort(np.random.default_rng().permutation(known)[:DRAWN])
    seen = [*found.fresh, *found.stale]
    stale = stored.queries(encoder, [there.ids[row] for row in seen]).keys()
    wrong = [
        pk
        for rows in neighbourhoods.blocks(drawn, len(there.ids))
        for pk in _wrong(there, made, rows=rows, units=stored.queries(encoder, [there.ids[row] for row in rows]))
    ]
    return sorted({*stale, *wrong})


def _wrong(
    there: smoothing.Members, made: Mapping[UUID, neighbourhoods.Made], *, rows: Places, units: Units
) -> list[UUID]:
    """Those of these rows of a collection that miss a nearer one, or are not what the formula gives."""
    rows = rows[[there.ids[row] in units for row in rows]]
    if not len(rows):
        return []
    own = there.units[rows]
    near = _near(there, [made[there.ids[row]] for row in rows], own=own)
    right = vectors.unit(neighbourhood.smoothed(own, near, gallery=there.units)).vectors
    apart = np.abs(right - np.stack([units[there.ids[row]].unit for row in rows])).max(axis=1)
    best = neighbourhood.most_like(own, there.units, own=rows).cosines[:, -1]
    return [there.ids[row] for row in rows[(apart > ROUNDED) | (best > near.cosines[:, -1] + NOISE)]]


def _near(there: smoothing.Members, made: Sequence[neighbourhoods.Made], *, own: Floats) -> neighbourhood.Near:
    """The neighbours that were written down, with their cosines (n, K)."""
    place = {image_id: number for number, image_id in enumerate(there.ids)}
    places = np.full((len(made), neighbourhood.NEIGHBOURS), -1, np.int64)
    for number, each in enumerate(made):
        places[number, : len(each.nearest)] = [place[pk] for pk in each.nearest]
    cosines = np.einsum("nd,nkd->nk", own, there.units[places])
    return neighbourhood.Near(places, np.where(places < 0, -np.inf, cosines).astype(np.float32))
