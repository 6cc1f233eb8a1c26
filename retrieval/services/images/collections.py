"""Collections: making, sharing and deleting them, and finding them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, CharField, OuterRef, QuerySet, Subquery, Value, When
from django.utils import timezone

from retrieval import reading
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.models import (
    Collection,
    CountKind,
    Encoder,
    Image,
    ImageDigest,
    Membership,
    Role,
    Visibility,
)
from retrieval.models.bounds import COLLECTION_NAME_LENGTH, DESCRIPTION_LENGTH
from retrieval.search import counts, stored
from retrieval.services.images import image_counts
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models import Batch, CopyScan
    from retrieval.models.collections import Viewer

# To mark each picture of a collection takes its time, above all for the index of vectors. Beyond so many the mark on
# the collection is enough: nobody sees it, and the purge removes the pictures in batches.
MARKED_AT_ONCE = 500


@dataclass(frozen=True)
class CollectionChanges:
    """What to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    visibility: str | None = None
    local_features: bool | None = None
    drop_place: bool | None = None
    regions: bool | None = None
    read_text: bool | None = None


def create(*, owner: User, name: str, **more: Any) -> Collection:
    """Make a collection of ``owner``, private unless ``more`` (fields of CollectionChanges) says otherwise.

    Raises InvalidInput naming the field.
    """
    if not owner.is_authenticated:
        raise Forbidden("Sign in to make a collection.")
    wanted = _checked(CollectionChanges(name, **more))
    return Collection.objects.create(owner=owner, **wanted)


def get(collection_id: UUID | str, *, user: Viewer) -> Collection:
    """Return the collection with its role and counts, or raise NotFound, be it hidden or absent."""
    return _found(listing(user), collection_id)


def find(collection_id: UUID | str, *, user: Viewer) -> Collection:
    """Return the bare collection, for work that does not show it: nothing is counted. Raises NotFound as ``get``."""
    return _found(Collection.objects.visible_to(user), collection_id)


def require_seen(row: Batch | CopyScan, person: Viewer) -> None:
    """Let a long job go on for somebody who may still see its collection.

    Raises Forbidden for a closed account, NotFound once they do not see it any more.
    """
    accounts.require_active(person)
    find(row.collection_id, user=person)


def is_seen(collection_id: UUID | str, *, user: Viewer) -> bool:
    """Tell whether there is such a collection and the person sees it."""
    return Collection.objects.visible_to(user).filter(pk=collection_id).exists()


def named(text: str) -> Collection:
    """Return the collection of this name or id, for the operator at the terminal.

    Raises NotFound, and Conflict when several have the name.
    """
    rows = Collection.objects.filter(deleted_at=None)
    try:
        found = list(rows.filter(pk=UUID(text)))
    except ValueError:
        found = list(rows.filter(name=text)[:2])
    if len(found) > 1:
        raise Conflict(f"There are several collections named {text!r}; give the id.")
    if not found:
        raise NotFound(f"There is no collection {text!r}.")
    return found[0]


def with_roles(user: Viewer) -> QuerySet[Collection]:
    """Return the visible collections with ``role`` (text or None); nothing is counted."""
    owner_id = user.pk or 0
    membership = Membership.objects.filter(collection=OuterRef("pk"), user_id=owner_id)
    role = Case(
        When(owner_id=owner_id, then=Value(Role.OWNER.value)),
        default=Subquery(membership.values("role")[:1]),
        output_field=CharField(null=True),
    )
    return Collection.objects.visible_to(user).annotate(role=role)


def listing(user: Viewer) -> QuerySet[Collection]:
    """Return the visible collections with ``role`` (text or None), ``image_count`` and ``ready_count``."""
    return (
        with_roles(user)
        .select_related("owner")
        .annotate(
            image_count=image_counts.of_collection(),
            ready_count=counts.of_collection(Encoder.objects.active()),
        )
    )


def edit(collection: Collection, *, user: User, changes: CollectionChanges) -> Collection:
    """Change what is named; a manager may, the visibility only the owner.

    Held against the row as it is now, and only what differs is written. Raises NotFound, Forbidden, InvalidInput.
    """
    with transaction.atomic():
        row = changing(collection.pk, user=user, role=Role.MANAGER)
        changed = differing(row, changes)
        if "visibility" in changed:
            rights.require_role(row, user=user, role=Role.OWNER)
        write(row, changed, actor=user)
    return row


def differing(row: Collection, changes: CollectionChanges) -> dict[str, str | bool]:
    """Return those of the changes that the row has not got yet, checked. Raises InvalidInput naming the field."""
    return {field: value for field, value in _checked(changes).items() if getattr(row, field) != value}


def write(row: Collection, changed: dict[str, str | bool], *, actor: User) -> None:
    """Write these fields of a row that the caller has locked, and who sees it now on the trail."""
    if "visibility" in changed:
        accounts.record(actor, "collection.visibility", row, before=row.visibility, to=changed["visibility"])
    for field, value in changed.items():
        setattr(row, field, value)
    if changed:
        row.save(update_fields=[*changed, "updated_at"])


def delete(collection: Collection, *, user: User) -> None:
    """Delete the collection with its pictures; only the owner may.

    It is gone for everybody at once, into its owner's trash; the purge removes rows and files afterwards
    (``images.purge_deleted``), batch by batch. Until then its pictures count as their uploaders'.
    """
    with transaction.atomic():
        take_away(changing(collection.pk, user=user, role=Role.OWNER), actor=user)


def take_away(collection: Collection, *, actor: User) -> None:
    """Do what ``delete`` does, whoever may ask: the caller has looked at rights. Raises NotFound when it is gone."""
    now = timezone.now()
    with transaction.atomic():
        row = locked(collection.pk)
        images = Image.objects.filter(collection=row, deleted_at=None)
        count = image_counts.named(row.pk, CountKind.ALL)
        if count <= MARKED_AT_ONCE:
            ImageDigest.objects.filter(collection=row).delete()
            stored.hide_collection(row.pk)
            images.update(deleted_at=now)
        Collection.objects.filter(pk=row.pk).update(deleted_at=now)
        accounts.record(actor, "collection.deleted", row, name=row.name, images=count)


def locked(collection_id: UUID | str) -> Collection:
    """Return the row as it is now, alone with it until the transaction ends. Raises NotFound when it is deleted.

    Whoever changes what decides who may do what here (visibility, owner, members, deletion) comes through this door.
    """
    rows = Collection.objects.select_for_update(no_key=True)
    return _found(rows.filter(deleted_at=None), collection_id)


def changing(collection_id: UUID | str, *, user: Viewer, role: Role) -> Collection:
    """Return ``locked`` for somebody who has at least this role at that moment. Raises as ``rights.require_role``."""
    row = locked(collection_id)
    rights.require_role(row, user=user, role=role)
    return row


def hold(*collection_ids: UUID, alone: bool = False) -> None:
    """Keep ``locked`` waiting until the transaction ends, for those who act by a role that they have now.

    They share the hold, so uploads do not wait for each other; in order, so that two never lock up. Who acts on too
    many pictures to hold the digest of each keeps all others waiting instead (``alone``).
    """
    kind = "NO KEY UPDATE" if alone else "SHARE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM retrieval_collection WHERE id = ANY(%s) ORDER BY id FOR {kind}", [list(collection_ids)]
        )


def acting(*collection_ids: UUID, user: Viewer, role: Role = Role.CONTRIBUTOR) -> None:
    """Hold the collections for somebody who has at least this role in each at that moment.

    Raises as ``rights.require_role``, and Forbidden when the account was closed meanwhile.
    """
    hold(*collection_ids)
    accounts.require_active(user)
    rows = Collection.objects.in_bulk(collection_ids)
    for collection_id in collection_ids:
        if collection_id not in rows:
            raise NotFound("There is no such collection.")
        rights.require_role(rows[collection_id], user=user, role=role)


def _found(rows: QuerySet[Collection], collection_id: UUID | str) -> Collection:
    try:
        return rows.get(pk=collection_id)
    except Collection.DoesNotExist:
        raise NotFound("There is no such collection.") from None


def _checked(changes: CollectionChanges) -> dict[str, str | bool]:
    """Return the fields to write, or raise InvalidInput naming the first that is wrong."""
    wanted: dict[str, str | bool] = {}
    if changes.name is not None:
        wanted["name"] = _text("name", changes.name.strip(), limit=COLLECTION_NAME_LENGTH)
        if not wanted["name"]:
            raise InvalidInput.of("name", "A collection needs a name.")
    if changes.description is not None:
        wanted["description"] = _text("description", changes.description, limit=DESCRIPTION_LENGTH)
    if changes.visibility is not None:
        if changes.visibility not in Visibility.values:
            raise InvalidInput.of("visibility", f"The visibility is one of {', '.join(Visibility.values)}.")
        wanted["visibility"] = changes.visibility
    if changes.read_text and not reading.is_installed():
        text = "Words in pictures are not read here. The operator runs `make extras`."
        raise InvalidInput.of("read_text", text, code="reading_missing")
    for name in ("local_features", "drop_place", "regions", "read_text"):
        if (value := getattr(changes, name)) is not None:
            wanted[name] = value
    return wanted


def _text(field: str, value: str, *, limit: int) -> str:
    if len(value) > limit or "\x00" in value:
        raise InvalidInput.of(field, f"At most {limit} characters, without null characters.")
    return value
