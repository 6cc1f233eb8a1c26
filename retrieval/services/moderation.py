"""What administrators do to anybody's pictures; the same deeds as people's own, without their roles, on the trail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.errors import Conflict, Forbidden, NotFound
from retrieval.models import Collection, Image
from retrieval.services import collections, images

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def delete_images(rows: Iterable[Image], *, actor: User) -> int:
    """Delete pictures; return how many were still there."""
    _require_staff(actor)
    done = 0
    for image in rows:
        try:
            images.take_away(image, actor=actor)
        except NotFound:
            continue  # somebody else was quicker
        done += 1
    return done


def move_images(rows: Iterable[Image], *, collection: Collection, actor: User) -> int:
    """Move pictures; those that the collection has already stay where they are. Return how many moved."""
    _require_staff(actor)
    done = 0
    for image in rows:
        try:
            images.put_into(collection, image=image, actor=actor)
        except (Conflict, NotFound):
            continue
        done += 1
    return done


def delete_collection(collection: Collection, *, actor: User) -> None:
    """Delete a collection with its pictures."""
    _require_staff(actor)
    collections.take_away(collection, actor=actor)


def _require_staff(actor: User) -> None:
    if not actor.is_staff:
        raise Forbidden("Only administrators do this to other people's pictures.")
