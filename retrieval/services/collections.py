"""Collections: making, sharing and deleting them, and the question of who may do what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Case, CharField, Count, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.ingest import store
from retrieval.models import (
    Collection,
    Embedding,
    Encoder,
    Image,
    ImageDigest,
    Membership,
    Role,
    Visibility,
)
from retrieval.services import accounts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Person

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2000


@dataclass(frozen=True)
class CollectionChanges:
    """What to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    visibility: str | None = None


@dataclass(frozen=True)
class Member:
    """A person by name, and the role to give."""

    username: str
    role: str


def create(
    *, owner: User, name: str, description: str = "", visibility: str = Visibility.PRIVATE
) -> Collection:
    """Make a collection that belongs to ``owner``. Raises InvalidInput naming the field."""
    if not owner.is_authenticated:
        raise Forbidden("Sign in to make a collection.")
    wanted = _checked(CollectionChanges(name, description, visibility))
    return Collection.objects.create(owner=owner, **wanted)


def get(collection_id: UUID | str, *, user: Person | Any) -> Collection:
    """Return the collection with its role and counts, or raise NotFound, be it hidden or absent."""
    return _found(listing(user), collection_id)


def find(collection_id: UUID | str, *, user: Person | Any) -> Collection:
    """Return the bare collection, for work that does not show it: nothing is counted. Raises NotFound as ``get``."""
    return _found(Collection.objects.visible_to(user), collection_id)


def is_seen(collection_id: UUID | str, *, user: Person | Any) -> bool:
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


def listing(user: Person | Any) -> QuerySet[Collection]:
    """Return the visible collections with ``role`` (text or None), ``image_count`` and ``ready_count``."""
    owner_id = user.pk or 0
    membership = Membership.objects.filter(collection=OuterRef("pk"), user_id=owner_id)
    encoder = Encoder.objects.active()
    return (
        Collection.objects.visible_to(user)
        .select_related("owner")
        .annotate(
            role=Case(
                When(owner_id=owner_id, then=Value(Role.OWNER.value)),
                default=Subquery(membership.values("role")[:1]),
                output_field=CharField(null=True),
            ),
            image_count=_count_of(Image.objects.alive()),
            ready_count=_count_of(Embedding.objects.filter(encoder=encoder)),
        )
    )


def edit(collection: Collection, *, user: User, changes: CollectionChanges) -> Collection:
    """Change name, description or visibility; a manager may. Raises Forbidden, InvalidInput."""
    require(collection, user=user, role=Role.MANAGER)
    wanted = _checked(changes)
    with transaction.atomic():
        if wanted.get("visibility", collection.visibility) != collection.visibility:
            require(collection, user=user, role=Role.OWNER)
            accounts.record(user, "collection.visibility", collection, to=wanted["visibility"])
        for field, value in wanted.items():
            setattr(collection, field, value)
        collection.save(update_fields=[*wanted, "updated_at"])
    return collection


def delete(collection: Collection, *, user: User) -> None:
    """Delete the collection with its pictures; only the owner may.

    It is gone for everybody at once; the purge removes rows and files afterwards (``images.purge_deleted``).
    """
    require(collection, user=user, role=Role.OWNER)
    take_away(collection, actor=user)


def take_away(collection: Collection, *, actor: User) -> None:
    """Do what ``delete`` does, whoever may ask: the caller has looked at rights."""
    now = timezone.now()
    with transaction.atomic():
        images = Image.objects.filter(collection=collection, deleted_at=None)
        ImageDigest.objects.filter(collection=collection).delete()
        Embedding.objects.filter(collection=collection).update(collection=None)
        store.release_usage(images)
        count = images.update(deleted_at=now)
        Collection.objects.filter(pk=collection.pk).update(deleted_at=now)
        accounts.record(actor, "collection.deleted", collection, name=collection.name, images=count)


def role_of(collection: Collection, user: Person | Any) -> Role | None:
    """Return the person's role, or None for one who only sees the collection or does not even see it."""
    if not user.is_authenticated:
        return None
    if collection.owner_id == user.pk:
        return Role.OWNER
    if collection.visibility == Visibility.PRIVATE:
        return None
    membership = Membership.objects.filter(collection=collection, user_id=user.pk or 0).first()
    return Role(membership.role) if membership else None


def require(collection: Collection, *, user: Person | Any, role: Role) -> None:
    """Raise unless the person has at least this role: NotFound when they may not even see it, else Forbidden."""
    if not is_seen(collection.pk, user=user):
        raise NotFound("There is no such collection.")
    held = role_of(collection, user)
    if role is Role.VIEWER:
        return
    if held is None or held.rank < role.rank:
        raise Forbidden(f"This needs the role {role.value} in the collection.")


def members(collection: Collection, *, user: User) -> QuerySet[Membership]:
    """Return the members by name; every member, and nobody else, may see who the others are."""
    require(collection, user=user, role=Role.VIEWER)
    if role_of(collection, user) is None:
        raise Forbidden("Only members see who else is one.")
    return collection.memberships.select_related("user").order_by("user__username")


def set_member(collection: Collection, *, user: User, member: Member) -> Membership:
    """Give a person a role, new or changed; a manager may. Raises InvalidInput for an unknown name or role."""
    require(collection, user=user, role=Role.MANAGER)
    person = _person(member.username)
    if person.pk == collection.owner_id:
        raise InvalidInput.of("username", "The owner has every right already.")
    if member.role not in {Role.VIEWER, Role.CONTRIBUTOR, Role.MANAGER}:
        raise InvalidInput.of("role", "The role is viewer, contributor or manager.")
    with transaction.atomic():
        row, _ = Membership.objects.update_or_create(
            collection=collection, user=person, defaults={"role": member.role}
        )
        accounts.record(user, "collection.shared", collection, username=person.username, role=member.role)
    return row


def remove_member(collection: Collection, *, user: User, username: str) -> None:
    """Take a person's role away; a manager may, and everyone may leave by themselves."""
    require(collection, user=user, role=Role.VIEWER if username == user.get_username() else Role.MANAGER)
    membership = Membership.objects.filter(collection=collection, user__username=username).first()
    if membership is None:
        raise NotFound("There is no such member.")
    with transaction.atomic():
        membership.delete()
        accounts.record(user, "collection.unshared", collection, username=username)


def _found(rows: QuerySet[Collection], collection_id: UUID | str) -> Collection:
    found = rows.filter(pk=collection_id).first()
    if found is None:
        raise NotFound("There is no such collection.")
    return found


def _count_of(rows: QuerySet[Any]) -> Coalesce:
    """Count rows of the outer collection in a subquery of its own, so that two counts do not multiply."""
    counted = (
        rows.filter(collection=OuterRef("pk")).order_by().values("collection").annotate(n=Count("*")).values("n")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _person(username: str) -> User:
    person = get_user_model().objects.filter(username=username, is_active=True).first()
    if person is None:
        raise InvalidInput.of("username", f"There is no person named {username!r} here.")
    return person


def _checked(changes: CollectionChanges) -> dict[str, str]:
    """Return the fields to write, or raise InvalidInput naming the first that is wrong."""
    wanted: dict[str, str] = {}
    if changes.name is not None:
        wanted["name"] = _text("name", changes.name.strip(), limit=NAME_LENGTH)
        if not wanted["name"]:
            raise InvalidInput.of("name", "A collection needs a name.")
    if changes.description is not None:
        wanted["description"] = _text("description", changes.description, limit=DESCRIPTION_LENGTH)
    if changes.visibility is not None:
        if changes.visibility not in Visibility.values:
            raise InvalidInput.of("visibility", f"The visibility is one of {', '.join(Visibility.values)}.")
        wanted["visibility"] = changes.visibility
    return wanted


def _text(field: str, value: str, *, limit: int) -> str:
    if len(value) > limit or "\x00" in value:
        raise InvalidInput.of(field, f"At most {limit} characters, without null characters.")
    return value
