"""Scans for copies: all pictures of some collections looked at again, among those of others or among themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from retrieval.errors import NotFound, Unavailable
from retrieval.models import Collection, CopyScan, Encoder, Image
from retrieval.search import nearest_to_each, stored
from retrieval.services.copies import candidates, looking
from retrieval.services.copies.candidates import Among
from retrieval.services.copies.details import WaitingError
from retrieval.services.images import collections
from retrieval.services.people import accounts
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

AT_ONCE = 1_000  # pictures whose nearest are found in one pass over the stored vectors
TURN_SECONDS = 60.0  # so long one scan is worked on before it is another's turn


@dataclass(frozen=True)
class ScanRequest:
    """A collection, that one against another, or (neither) all that the person sees."""

    collection: UUID | None = None
    against: UUID | None = None


def start(request: ScanRequest, *, user: User) -> CopyScan:
    """Put a scan in line; the edge wakes the worker for long work.

    Raises NotFound for a collection that they do not see, and where they see none at all.
    """
    named = [collections.find(pk, user=user) for pk in (request.collection, request.against) if pk]
    homes = named or list(Collection.objects.visible_to(user).order_by("pk"))
    if not homes:
        raise NotFound("There is no collection yet.")
    within, against = (homes[:1], homes[-1:]) if named else (homes, homes)
    row = CopyScan.objects.create(
        user=user, collection=homes[0], name=" · ".join(dict.fromkeys(home.name for home in named)),
        within=[home.pk for home in within], against=[home.pk for home in against],
    )  # fmt: skip
    accounts.record(user, "copyscan.started", row, collections=len(homes))
    return row


def seen_by(user: Viewer) -> QuerySet[CopyScan]:
    """Return the person's own scans."""
    return CopyScan.objects.filter(user_id=user.pk or 0)


def _scan(scan: CopyScan, progress: ProgressWriter[CopyScan]) -> Settle | None:
    """Look at what is left, picture by picture, each committed by itself; None when the turn is over.

    What an earlier attempt did since it last told is done again, which changes nothing. Raises Unavailable when there
    is no encoder, or when a picture has to wait for a decoder.
    """
    encoder, ends = Encoder.objects.active(), time.monotonic() + TURN_SECONDS
    if encoder is None:
        raise Unavailable("There is no encoder yet.", code="no_encoder")
    scan.total = scan.done + _left(scan, encoder).count()
    progress("comparing", scan.done, scan.total)
    try:
        while block := list(_left(scan, encoder)[:AT_ONCE]):
            near = _near(scan, block, encoder=encoder)
            for image in block:
                if time.monotonic() >= ends:
                    return None
                _look(scan, image, among=Among(scan.against, near.get(image.pk, ())))
                progress.note(**_behind(scan))
    except WaitingError:
        raise Unavailable("Many pictures are being read just now.", code="decoders_busy") from None
    finally:
        CopyScan.objects.filter(pk=scan.pk, lease_token=scan.lease_token).update(**_behind(scan))
    return lambda: _behind(scan)


def _behind(scan: CopyScan) -> dict[str, Any]:
    return {"after": scan.after, "done": scan.done, "total": scan.total, "pairs": scan.pairs, "attempts": 1}


def _left(scan: CopyScan, encoder: Encoder) -> QuerySet[Image]:
    """The living, ready pictures that are not behind it, by their ids, in the collections that its person sees."""
    seen = Collection.objects.visible_to(scan.user).filter(pk__in=scan.within)
    there = Image.objects.alive().filter(stored.has_vector(encoder), collection__in=seen, pk__gt=scan.after)
    return there.select_related("collection").order_by("pk")


def _near(scan: CopyScan, block: Sequence[Image], *, encoder: Encoder) -> dict[UUID, list[UUID]]:
    """What is nearest to each by vector, near enough, in what is looked through."""
    units = {pk: query.unit for pk, query in stored.queries(encoder, [image.pk for image in block]).items()}
    if not units:
        return {}
    found = nearest_to_each(
        encoder, np.stack(list(units.values())),
        user=scan.user, collections=scan.against, k=candidates.NEAREST + 1,
    )  # fmt: skip
    return {
        pk: [other for other, score in hits if other != pk and score >= candidates.ALIKE][: candidates.NEAREST]
        for pk, hits in zip(units, found.hits, strict=True)
    }


def _look(scan: CopyScan, image: Image, *, among: Among) -> None:
    scan.pairs += looking.look_among(image, among)
    scan.after, scan.done = image.pk, scan.done + 1


KIND = Kind(
    "scans",
    _scan,
    model=CopyScan,
    require=collections.require_seen,
    seen_by=seen_by,
    passing=(Unavailable,),
    of_each_person=True,
)
