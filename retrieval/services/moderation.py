"""What administrators do to anybody's pictures: as people do to their own, but by right, and on the trail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.errors import Conflict, NotFound
from retrieval.models import Collection, EmbeddingJob, Image
from retrieval.services import collections, images, jobs, rights
from retrieval.services.rights import Right

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet


def goals(actor: User) -> QuerySet[Collection]:
    """Return the collections that this person may be offered to move pictures into."""
    if rights.may(actor, Right.SEE_COLLECTIONS) or rights.may(actor, Right.CHANGE_COLLECTIONS):
        return Collection.objects.filter(deleted_at=None)
    return Collection.objects.visible_to(actor)


def delete_images(rows: Iterable[Image], *, actor: User) -> int:
    """Delete pictures; return how many were still there. Raises Forbidden."""
    rights.require(actor, Right.DELETE_IMAGES)
    done = 0
    for image in rows:
        try:
            images.take_away(image, actor=actor)
        except NotFound:
            continue  # somebody else was quicker
        done += 1
    return done


def move_images(rows: Iterable[Image], *, collection: Collection, actor: User) -> int:
    """Move pictures; those that the collection has already stay where they are. Return how many moved.

    Raises Forbidden, and NotFound for a collection that the person was not offered.
    """
    rights.require(actor, Right.CHANGE_IMAGES)
    if not goals(actor).filter(pk=collection.pk).exists():
        raise NotFound("There is no such collection.")
    done = 0
    for image in rows:
        try:
            images.put_into(collection, image=image, actor=actor)
        except (Conflict, NotFound):
            continue
        done += 1
    return done


def embed_again(rows: QuerySet[Image], *, actor: User) -> int:
    """Ask for new vectors of pictures; return how many. The edge wakes a worker. Raises Forbidden."""
    rights.require(actor, Right.CHANGE_IMAGES)
    return jobs.embed_again(rows)


def try_again(rows: QuerySet[EmbeddingJob], *, actor: User) -> int:
    """Begin a new round of jobs; return how many. The edge wakes a worker. Raises Forbidden."""
    rights.require(actor, Right.JOBS)
    return jobs.ask_again(rows)


def delete_collection(collection: Collection, *, actor: User) -> None:
    """Delete a collection with its pictures. Raises Forbidden."""
    rights.require(actor, Right.DELETE_COLLECTIONS)
    collections.take_away(collection, actor=actor)
