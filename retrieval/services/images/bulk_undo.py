"""Take back what was done to many pictures, where nobody changed them since."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from retrieval.errors import Conflict, NotFound
from retrieval.models import BulkAct, Collection, ImageDigest, Role
from retrieval.models.images import ImageQuerySet
from retrieval.search import stored
from retrieval.services.images import bulk_rows, collections
from retrieval.services.images.bulk import Outcome
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEPT = timedelta(days=1)


def undo(token: UUID, *, user: User) -> Outcome:
    """Put back what an act of this person changed, moved and deleted; all in one commit.

    A picture that was changed since, or that they may not change any more, is left as it is and refused. Raises
    NotFound for another's act and one that is too old, and Conflict (``undone_already``).
    """
    with transaction.atomic():
        act = _open(token, user=user)
        places = bulk_rows.places(act)
        collections.hold(*places, alone=True)
        accounts.require_active(user)
        bulk_rows.lock(act)
        bulk_rows.refuse(act, _access(places, user=user))
        put_back(act)
        act.undone_at = timezone.now()
        act.save(update_fields=["undone_at"])
        done, (refused, count) = bulk_rows.taken(act).count(), bulk_rows.refusals(act)
        accounts.record(user, "images.bulk_undone", act, count=done, refused=count)
    return Outcome(done, refused, count)


def forget_old() -> int:
    """Drop what cannot be taken back any more; return how many rows."""
    return BulkAct.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]


def _open(token: UUID, *, user: User) -> BulkAct:
    mine = BulkAct.objects.select_for_update().filter(user=user, at__gt=timezone.now() - KEPT)
    act = mine.filter(pk=token).first()
    if act is None:
        raise NotFound("There is nothing to take back by this token.")
    if act.undone_at:
        raise Conflict("This was taken back already.", code="undone_already")
    bulk_rows.forget_refused(act)
    return act


def _access(places: list[UUID], *, user: User) -> bulk_rows.Access:
    seen = Collection.objects.visible_to(user).filter(pk__in=places)
    held = rights.held(user, role=Role.CONTRIBUTOR).filter(pk__in=places)
    return bulk_rows.Access(list(seen.values_list("pk", flat=True)), list(held.values_list("pk", flat=True)))


def put_back(act: BulkAct) -> None:
    """Write what was before, with digests and vectors; the caller has locked the pictures and holds their places."""
    placed = {"collection_id", "deleted_at"} & {*act.columns}
    if placed:
        bulk_rows.claim_digests(act)
    bulk_rows.put_back(act, timezone.now())
    if placed:
        _place(bulk_rows.images(act))


def _place(rows: ImageQuerySet) -> None:
    """Let digests and vectors follow pictures back to their collections."""
    for place in list(rows.order_by().values_list("collection_id", flat=True).distinct()):
        here = rows.filter(collection=place)
        ImageDigest.objects.filter(image__in=here.values("pk")).exclude(collection=place).delete()
        stored.place_all(here, place)
