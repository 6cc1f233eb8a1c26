"""Smoothed vectors kept right as pictures come and go: whose neighbours changed, and these made again.

A picture is smoothed by its three most like in its own collection, so another picture that comes or goes changes it if
and only if that one is, or was, among the three. ``Neighbours`` says of which a vector was made and how like the last
of them is; so those to make again are known exactly, from one product of the newcomers with the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

import numpy as np
import structlog
from django.db import connection, transaction
from numpy.typing import NDArray

from retrieval.matching import neighbourhood
from retrieval.models import Encoder, Image, Neighbours, SmoothedCollection
from retrieval.models.encoders import EncoderQuerySet
from retrieval.search import Vector, moments, smoothing, stored, vectors
from retrieval.work import ending, ledger

log = structlog.get_logger(__name__)

Places = NDArray[np.int64]
CELLS = 20_000_000  # cosines that are in memory at once
MOST_AT_ONCE = 500  # vectors of one commit
TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
LEAVE = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class Made(NamedTuple):
    """Of what a picture's vector was made, as ``Neighbours`` has it."""

    nearest: Sequence[UUID]
    least: float | None
    source_at: object


class Due(NamedTuple):
    """The places of a collection's pictures to make again: newcomers, and those whose neighbours changed."""

    fresh: Places
    stale: Places


def waiting() -> bool:
    """Tell whether there is something to smooth."""
    return any(smoothing.unsettled(encoder) for encoder in _wanted())


def settled(encoder: Encoder) -> bool:
    """Tell whether all its vectors are smoothed by the neighbours that are there now; True where it smooths nothing."""
    return not smoothing.unsettled(encoder)


def work() -> None:
    """Smooth, collection by collection, until nothing waits or the worker is to end; each commit stands by itself.

    Of an encoder that another worker is at nothing is done.
    """
    for encoder in _wanted():
        with _alone(encoder) as alone:
            for part in smoothing.unsettled(encoder) if alone else ():
                if not settle(encoder, part):
                    return


def settle(encoder: Encoder, part: moments.Part) -> bool:
    """Make again what is due in one collection; return False where it was broken off.

    What left goes first and the newcomers' own rows are written last, so that after a crash between two commits all
    others that a row says to be made know of it, or it is a newcomer still.
    """
    there, known = smoothing.members(part.encoder, part.collection), made(encoder, part.collection)
    _forget(encoder, known.keys() - set(there.ids))
    found = due(there, known)
    for rows in (*blocks(found.stale, len(there.ids)), *blocks(found.fresh, len(there.ids))):
        if ending.comes() or not _write(encoder, part, there=there, rows=rows):
            return False
    SmoothedCollection.objects.update_or_create(
        encoder=encoder, collection_id=part.collection, defaults={"changes": part.changes}
    )
    count = {name: len(places) for name, places in found._asdict().items()}
    log.info("vectors_smoothed", encoder=encoder.name, of=len(there.ids), **count)
    return True


def due(there: smoothing.Members, known: Mapping[UUID, Made]) -> Due:
    """Tell which vectors are to be made again.

    Newcomers: those that are not made, or from another vector than is there now. Stale: those of which a neighbour left
    or is a newcomer, and those to which a newcomer is more like than the last of their neighbours.
    """
    place = {image_id: number for number, image_id in enumerate(there.ids)}
    fresh = np.array([_is_fresh(known.get(pk), at) for pk, at in zip(there.ids, there.stored_at, strict=True)], bool)
    old = np.flatnonzero(~fresh)
    was = [known[there.ids[row]] for row in old.tolist()]
    least = np.array([_least(each) for each in was], np.float32)
    gone = np.array([any(pk not in place or fresh[place[pk]] for pk in each.nearest) for each in was], bool)
    return Due(np.flatnonzero(fresh), old[gone | _passed(there, fresh, old=old, least=least)])


def _is_fresh(known: Made | None, stored_at: object) -> bool:
    return known is None or known.source_at != stored_at


def _least(known: Made) -> float:
    return -2.0 if known.least is None else known.least  # below every cosine


def _passed(
    there: smoothing.Members, fresh: NDArray[np.bool_], *, old: Places, least: vectors.Floats
) -> NDArray[np.bool_]:
    """To which of the old ones a newcomer is more like than the last of their neighbours (n,)."""
    found, newcomers = np.zeros(len(old), bool), there.units[fresh]
    if len(newcomers):
        for rows in blocks(np.arange(len(old)), len(newcomers)):
            found[rows] = (there.units[old[rows]] @ newcomers.T).max(axis=1) > least[rows]
    return found


def _write(encoder: Encoder, part: moments.Part, *, there: smoothing.Members, rows: Places) -> bool:
    """Make these again in one commit; False where the encoder is in use no more. Who moved meanwhile is left out."""
    near = neighbourhood.most_like(there.units[rows], there.units, own=rows)
    smooth = vectors.unit(neighbourhood.smoothed(there.units[rows], near, gallery=there.units))
    ids = [there.ids[row] for row in rows]
    found = {
        pk: Vector(smooth.vectors[number], float(there.lengths[rows[number]]), float(smooth.centred_lengths[number]))
        for number, pk in enumerate(ids)
    }
    with transaction.atomic():
        if not _wanted().select_for_update(no_key=True).filter(pk=encoder.pk).exists():
            return False
        homes = Image.objects.alive().filter(pk__in=ids, collection=part.collection).select_for_update(no_key=True)
        here = set(homes.order_by("pk").values_list("pk", flat=True))
        kept = _stored(encoder, {pk: vector for pk, vector in found.items() if pk in here}, home=part.collection)
        said = [_neighbours(there, near, number, row=row) for number, row in enumerate(rows) if ids[number] in kept]
        for each in said:
            each.encoder, each.collection_id = encoder, part.collection
        Neighbours.objects.bulk_create(
            said, update_conflicts=True, unique_fields=["image", "encoder"],
            update_fields=["collection", "nearest", "least", "source_at"],
        )  # fmt: skip
    return True


def _neighbours(there: smoothing.Members, near: neighbourhood.Near, number: int, *, row: int) -> Neighbours:
    """What is written down of the picture in this row of the collection, a number of those just made; unsaved."""
    places = near.places[number][near.places[number] >= 0]
    return Neighbours(
        image_id=there.ids[row],
        nearest=[there.ids[place] for place in places],
        least=float(near.cosines[number, -1]) if len(places) == neighbourhood.NEIGHBOURS else None,
        source_at=there.stored_at[row],
    )


def _stored(encoder: Encoder, found: Mapping[UUID, Vector], *, home: UUID) -> set[UUID]:
    """Store new vectors in the place of old ones, and for pictures without job and vector both; return for which.

    Others have a job that is not done yet; it brings the vector before smoothing, and with it the next turn.
    """
    has = stored.has_vector(encoder)
    old = set(Image.objects.filter(has, pk__in=found).values_list("pk", flat=True))
    stored.put(encoder, {pk: found[pk] for pk in old}, places=dict.fromkeys(old, home))
    claim = ledger.begin(encoder, [pk for pk in found if pk not in old])
    ledger.finish(claim, {pk: found[pk] for pk in claim.image_ids})
    return old | set(claim.image_ids)


def made(encoder: Encoder, collection_id: UUID) -> dict[UUID, Made]:
    """Read of what the vectors of a collection were made."""
    rows = Neighbours.objects.filter(encoder=encoder, collection=collection_id)
    read = rows.values_list("image_id", "nearest", "least", "source_at").iterator()
    return {image_id: Made(nearest, least, at) for image_id, nearest, least, at in read}


def _forget(encoder: Encoder, image_ids: set[UUID]) -> None:
    gone = sorted(image_ids)
    for rows in blocks(np.arange(len(gone)), 1):
        Neighbours.objects.filter(encoder=encoder, image__in=[gone[row] for row in rows]).delete()


def blocks(places: Places, others: int) -> Iterator[Places]:
    """Cut places into those that are compared with so many others, and written, at once."""
    size = max(1, min(MOST_AT_ONCE, CELLS // max(1, others)))
    return (places[start : start + size] for start in range(0, len(places), size))


def _wanted() -> EncoderQuerySet:
    return Encoder.objects.wanted().exclude(smooths=None).order_by("pk")


@contextmanager
def _alone(encoder: Encoder) -> Iterator[bool]:
    """Whether nobody else is at this encoder; until the end nobody else is. The lock goes with the connection."""
    key = f"neighbourhood {encoder.pk}"
    with connection.cursor() as cursor:
        cursor.execute(TRY, [key])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute(LEAVE, [key])
