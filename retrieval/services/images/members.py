"""Who is in a collection: asked by name, in once they accept, given another role, taken out, leaving by oneself.

Asking answers alike whether or not there is a person of that name, so that nobody learns who has an account here.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import Collection, Membership, Role
from retrieval.models.bounds import USERNAME_LENGTH
from retrieval.services.images import collections
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer

ROLES = frozenset({Role.VIEWER, Role.CONTRIBUTOR, Role.MANAGER})
MOST_ASKED = 200  # in one collection, who have not accepted


@dataclass(frozen=True)
class Member:
    """A person by name, and the role to give."""

    username: str
    role: str


def listing(collection: Collection, *, user: User) -> QuerySet[Membership]:
    """Return the members and who is asked, by name; every member, and nobody else, may see who the others are."""
    rights.require_role(collection, user=user, role=Role.VIEWER)
    if rights.role_of(collection, user) is None:
        raise Forbidden("Only members see who else is one.")
    return collection.memberships.select_related("user").order_by("username")


def ask(collection: Collection, *, user: User, member: Member) -> Membership:
    """Give a member another role, or ask somebody in, who is a member once they accept; a manager may.

    Raises InvalidInput for a name that nobody can have, the owner's, a role that there is none of, and when too many
    are asked already.
    """
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        name = _name(member.username)
        if name == row.owner.get_username():
            raise InvalidInput.of("username", "The owner has every right already.")
        found = _called(row, name).first()
        if found is None:
            _require_room(row)
            found = Membership(collection=row, username=name, invited_by=user)
        return _written(found, role=member.role, user=user)


def change(collection: Collection, *, user: User, member: Member) -> Membership:
    """Give a member, or somebody who is asked, another role; a manager may. Raises NotFound for anybody else."""
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=Role.MANAGER)
        return _written(_known(row, member.username), role=member.role, user=user)


def take_out(collection: Collection, *, user: User, username: str) -> None:
    """Take a person's role away, or ask them no more; a manager may, and everyone may leave by themselves."""
    role = Role.VIEWER if username == user.get_username() else Role.MANAGER
    with transaction.atomic():
        row = collections.changing(collection.pk, user=user, role=role)
        found = _known(row, username)
        if found.pending:
            rights.require_role(row, user=user, role=Role.MANAGER)  # who is only asked has nothing to leave
        found.delete()
        accounts.record(user, "collection.unshared", row, username=username)


def asked(user: Viewer) -> QuerySet[Membership]:
    """Return what this person is asked into and has not answered, newest first."""
    open_ = Membership.objects.filter(user=None, declined_at=None, username=user.get_username())
    there = open_.filter(collection__deleted_at=None).exclude(collection__owner_id=user.pk or 0)
    return there.exclude(username="").select_related("collection", "invited_by").order_by("-created_at")


def accept(collection_id: UUID, *, user: User) -> Membership:
    """Become a member of a collection that one is asked into. Raises NotFound when one is not (any more)."""
    with transaction.atomic():
        row, found = _answering(collection_id, user=user)
        already = row.memberships.filter(user=user).first()
        if already:
            found.delete()
            return already
        found.user = user
        found.save()
        accounts.record(user, "collection.joined", row, role=found.role)
    return found


def decline(collection_id: UUID, *, user: User) -> None:
    """Be asked no more; those who asked are told nothing. Raises NotFound when one is not asked (any more)."""
    with transaction.atomic():
        _, found = _answering(collection_id, user=user)
        found.declined_at = timezone.now()
        found.save(update_fields=["declined_at"])


def _answering(collection_id: UUID, *, user: User) -> tuple[Collection, Membership]:
    """Lock the collection first: asking no more and answering come one after the other."""
    if not asked(user).filter(collection=collection_id).exists():
        raise NotFound("There is no such invitation.")
    row = collections.locked(collection_id)
    found = asked(user).filter(collection=row).first()
    if found is None:
        raise NotFound("There is no such invitation.")
    return row, found


def _written(found: Membership, *, role: str, user: User) -> Membership:
    if role not in ROLES:
        raise InvalidInput.of("role", "The role is viewer, contributor or manager.")
    found.role = role
    found.save()
    action = "collection.invited" if found.pending else "collection.shared"
    accounts.record(user, action, found.collection, username=found.name, role=role)
    return found


def _called(row: Collection, name: str) -> QuerySet[Membership]:
    return row.memberships.select_related("user").filter(Q(user__username=name) | Q(user=None, username=name))


def _known(row: Collection, username: str) -> Membership:
    found = _called(row, username).first()
    if found is None:
        raise NotFound("There is no such member.")
    return found


def _name(text: str) -> str:
    """Return the name as accounts have it, or raise InvalidInput for one that no account can have."""
    name = unicodedata.normalize("NFKC", text.strip())
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        name = ""
    if not 1 <= len(name) <= USERNAME_LENGTH:
        raise InvalidInput.of("username", "A name has letters, digits and @ . + - _ only.")
    return name


def _require_room(row: Collection) -> None:
    """The caller has locked the collection, so that two do not both take the last place."""
    if row.memberships.filter(user=None).count() >= MOST_ASKED:
        raise InvalidInput.of("username", f"{MOST_ASKED} people are asked already; wait for some, or take some out.")
