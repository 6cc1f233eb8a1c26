"""What was deleted and is still kept: seen and brought back by those who may, or removed for good before its time."""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, JSONField, Q, Value
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import BulkAct, Collection, Image, Role
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import bulk_rows, bulk_undo, collections, purging
from retrieval.services.images.bulk import NAMED_ON_TRAIL, Outcome
from retrieval.services.images.choice import MOST_IDS
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet


@dataclass(frozen=True)
class Trashed:
    """Pictures and collections of the trash, by id."""

    images: Several[UUID] = ()
    collections: Several[UUID] = ()


def deleted_images(user: User, *, role: Role = Role.CONTRIBUTOR) -> ImageQuerySet:
    """Return the pictures in the trash of the collections in which this person has the role, the last deleted first."""
    kept = Image.objects.filter(deleted_at__gt=purging.kept_since(), collection__in=rights.held(user, role=role))
    return kept.order_by("-deleted_at", "-pk")


def deleted_collections(user: User) -> QuerySet[Collection]:
    """Return this person's own collections in the trash, the last deleted first, each with its ``image_count``."""
    kept = Collection.objects.filter(owner_id=user.pk or 0, deleted_at__gt=purging.kept_since())
    together = Q(images__deleted_at=None) | Q(images__deleted_at=F("deleted_at"))
    return kept.annotate(image_count=Count("images", filter=together)).order_by("-deleted_at", "-pk")


def deleted_image(image_id: UUID, *, user: User) -> Image:
    """Return a picture of the trash. Raises NotFound."""
    found = deleted_images(user).filter(pk=image_id).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def restore(chosen: Trashed, *, user: User) -> Outcome:
    """Bring back pictures (a contributor may) and collections with the pictures that went with them (their owner may).

    All in one commit; a picture whose bytes were put in again meanwhile is refused (``same_picture``), and what is not
    in the trash is ``not_found``. Raises InvalidInput for too many.
    """
    _require_few(chosen)
    with transaction.atomic():
        lost = [pk for pk in sorted(set(chosen.collections)) if not _restore_collection(pk, user=user)]
        found = _restore_images(deleted_images(user).filter(pk__in=set(chosen.images)), user=user, asked=chosen.images)
    refused = [*((pk, "not_found") for pk in lost), *found.refused][: bulk_rows.MOST_SHOWN]
    done = found.done + len(set(chosen.collections)) - len(lost)
    return Outcome(done, refused, found.refused_count + len(lost))


def remove(chosen: Trashed, *, user: User) -> Outcome:
    """Let the next purge remove pictures (a manager may) and collections (their owner may), whatever their time.

    Nobody can bring them back from now on. Raises InvalidInput for too many.
    """
    _require_few(chosen)
    over, now = purging.kept_since(), timezone.now()
    with transaction.atomic():
        accounts.require_active(user)
        rows = deleted_images(user, role=Role.MANAGER).filter(pk__in=set(chosen.images)).order_by()
        gone = sorted(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        Image.objects.filter(pk__in=gone).update(deleted_at=over, updated_at=now)
        own = deleted_collections(user).filter(pk__in=set(chosen.collections)).values_list("pk", flat=True)
        dropped = sorted(own)
        Collection.objects.filter(pk__in=dropped).update(deleted_at=over)
        named = {"images": [str(pk) for pk in gone[:NAMED_ON_TRAIL]], "collections": [str(pk) for pk in dropped]}
        accounts.record(user, "trash.removed", None, count=len(gone), **named)
    missing = sorted({*chosen.images, *chosen.collections} - {*gone, *dropped})
    shown = [(pk, "not_found") for pk in missing[: bulk_rows.MOST_SHOWN]]
    return Outcome(len(gone) + len(dropped), shown, len(missing))


def _require_few(chosen: Trashed) -> None:
    if len(chosen.images) + len(chosen.collections) > MOST_IDS:
        raise InvalidInput.of("images", f"At most {MOST_IDS} ids.")


def _restore_images(rows: ImageQuerySet, *, user: User, asked: Several[UUID]) -> Outcome:
    """Take back a deletion as a bulk act is taken back, whoever deleted."""
    places = list(rows.order_by().values_list("collection_id", flat=True).distinct())
    collections.hold(*places, alone=True)
    accounts.require_active(user)
    act = BulkAct.objects.create(user=user, at=timezone.now(), columns=["deleted_at"])
    still = rows.filter(collection__in=places)
    before = Value({"deleted_at": None}, JSONField())
    bulk_rows.take(act, still.annotate(before=before, refused=Value("")), most=MOST_IDS)
    bulk_undo.put_back(act)
    done, (refused, count) = bulk_rows.taken(act).count(), bulk_rows.refusals(act)
    missing = bulk_rows.unknown(act, asked)
    if done:
        pictures = bulk_rows.taken(act).order_by("image_id").values_list("image_id", flat=True)[:NAMED_ON_TRAIL]
        accounts.record(user, "images.restored", None, count=done, images=[str(pk) for pk in pictures])
    act.delete()
    return Outcome(done, [*refused, *((pk, "not_found") for pk in missing)], count + len(missing))


def _restore_collection(collection_id: UUID, *, user: User) -> bool:
    """Bring a collection back with what was deleted at the same moment; False where it is not theirs to."""
    rows = Collection.objects.select_for_update(no_key=True)
    kept = rows.filter(owner_id=user.pk or 0, deleted_at__gt=purging.kept_since())
    row = kept.filter(pk=collection_id).first()
    if row is None:
        return False
    Collection.objects.filter(pk=row.pk).update(deleted_at=None)
    _restore_images(Image.objects.filter(collection=row, deleted_at=row.deleted_at), user=user, asked=())
    accounts.record(user, "collection.restored", row, name=row.name)
    return True
