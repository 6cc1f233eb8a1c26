"""Who may do what, by role in a collection or by staff right: asked here by services, pages, API and admin alike."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import Q

from retrieval.errors import AdministratorsOnly, Forbidden, NotFound
from retrieval.models import Collection, Membership, Role, Visibility

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer


class Right(StrEnum):
    """A permission that staff may be given, by Django's name of it; superusers have them all."""

    ENCODERS = "retrieval.change_encoder"
    SEE_COLLECTIONS = "retrieval.view_collection"
    ADD_COLLECTIONS = "retrieval.add_collection"
    CHANGE_COLLECTIONS = "retrieval.change_collection"
    DELETE_COLLECTIONS = "retrieval.delete_collection"
    CHANGE_IMAGES = "retrieval.change_image"
    DELETE_IMAGES = "retrieval.delete_image"
    JOBS = "retrieval.change_embeddingjob"
    TOKENS = "retrieval.delete_apitoken"
    SOURCE_FOLDERS = "retrieval.add_source"


def role_of(collection: Collection, user: Viewer) -> Role | None:
    """Return the person's role, or None for one who only sees the collection or does not even see it."""
    if not user.is_authenticated:
        return None
    if collection.owner_id == user.pk:
        return Role.OWNER
    if collection.visibility == Visibility.PRIVATE:
        return None
    membership = Membership.objects.filter(collection=collection, user_id=user.pk or 0).first()
    return Role(membership.role) if membership else None


def at_least(held: Role | str | None, needed: Role) -> bool:
    """Tell whether a role, as ``role_of`` and the lists of collections say it, includes the one that is needed."""
    return held is not None and Role(held).rank >= needed.rank


def held(user: Viewer, *, role: Role) -> QuerySet[Collection]:
    """Return the collections in which the person has at least this role, as ``role_of`` tells it of each."""
    enough = [each for each in Role if each.rank >= role.rank]
    member = Membership.objects.filter(user_id=user.pk or 0, role__in=enough).values("collection_id")
    shared = Q(pk__in=member) & ~Q(visibility=Visibility.PRIVATE)
    return Collection.objects.visible_to(user).filter(Q(owner_id=user.pk or 0) | shared)


def has_role(collection: Collection, user: Viewer, role: Role) -> bool:
    """Tell whether the person has at least this role in a collection that they see."""
    return at_least(role_of(collection, user), role)


def require_role(collection: Collection, *, user: Viewer, role: Role) -> None:
    """Raise unless the person has at least this role: NotFound when they may not even see it, else Forbidden.

    Whoever sees a collection is a viewer of it.
    """
    if not Collection.objects.visible_to(user).filter(pk=collection.pk).exists():
        raise NotFound("There is no such collection.")
    if role is not Role.VIEWER and not has_role(collection, user, role):
        raise Forbidden(f"This needs the role {role.value} in the collection.")


def staff(user: Viewer) -> bool:
    """Tell whether the administration opens to them at all; what they may do there is up to ``may``."""
    return bool(user.is_active and user.is_staff)


def may(user: Viewer, right: Right) -> bool:
    """Tell whether they are staff and were given this right."""
    return staff(user) and bool(user.has_perm(right))


def administrator(user: Viewer) -> bool:
    """Tell whether they steer the site: encoders, and the long work that makes and measures them; its figures."""
    return may(user, Right.ENCODERS)


def require(user: Viewer, right: Right, *, to: str = "do this to what is other people's") -> None:
    """Raise Forbidden without the right; ``to`` says what it would be for."""
    if not may(user, right):
        raise AdministratorsOnly(f"Only administrators {to}.")


def require_administrator(user: Viewer, *, to: str = "change encoders") -> None:
    """Raise Forbidden for anyone else."""
    require(user, Right.ENCODERS, to=to)


def may_change_person(user: Viewer, person: User) -> bool:
    """Tell whether an account is within reach: those with powers of their own are for superusers alone.

    Who could set the password of somebody with more rights would have those rights.
    """
    return bool(user.is_superuser or person.pk == user.pk or not (person.is_staff or person.is_superuser))
