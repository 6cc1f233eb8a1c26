"""What staff may do beyond the roles that they hold: asked here by services, pages, API and administration alike."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from retrieval.errors import Forbidden

if TYPE_CHECKING:
    from django.contrib.auth.models import User

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
        raise Forbidden(f"Only administrators {to}.")


def require_administrator(user: Viewer, *, to: str = "change encoders") -> None:
    """Raise Forbidden for anyone else."""
    require(user, Right.ENCODERS, to=to)


def may_change_person(user: Viewer, person: User) -> bool:
    """Tell whether an account is within reach: those with powers of their own are for superusers alone.

    Who could set the password of somebody with more rights would have those rights.
    """
    return bool(user.is_superuser or person.pk == user.pk or not (person.is_staff or person.is_superuser))
