"""What administrators do to anybody's pictures: as people do to their own, but by right, and on the trail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from retrieval.errors import Conflict, NotFound
from retrieval.models import ApiToken, Collection, EmbeddingJob, Image
from retrieval.services.images import collections, images
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.people import accounts, rights
from retrieval.services.people.rights import Right
from retrieval.work import jobs

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


def add_collection(row: Collection, *, actor: User) -> None:
    """Keep a new collection, whoever is to own it. Raises Forbidden."""
    rights.require(actor, Right.ADD_COLLECTIONS)
    with transaction.atomic():
        row.save()
        accounts.record(actor, "collection.added", row, owner=row.owner.get_username(), visibility=row.visibility)


def edit_collection(
    collection: Collection, *, changes: CollectionChanges, owner: User | None = None, actor: User
) -> None:
    """Change texts, visibility and owner (None: as it is), held against the row as it is now.

    Raises Forbidden, NotFound, and InvalidInput naming the field.
    """
    rights.require(actor, Right.CHANGE_COLLECTIONS)
    with transaction.atomic():
        row = collections.locked(collection.pk)
        collections.write(row, collections.differing(row, changes), actor=actor)
        if owner and owner.pk != row.owner_id:
            names = {"before": row.owner.get_username(), "to": owner.get_username()}
            accounts.record(actor, "collection.owner", row, **names)
            Collection.objects.filter(pk=row.pk).update(owner=owner)
            row.memberships.filter(user=owner).delete()  # the owner has every right already


def put_member_in(collection: Collection, *, person: User, role: str, actor: User) -> None:
    """Give a person a role without asking them. Raises Forbidden, NotFound."""
    rights.require(actor, Right.CHANGE_COLLECTIONS)
    with transaction.atomic():
        row, name = collections.locked(collection.pk), person.get_username()
        row.memberships.filter(user=None, username=name).delete()  # nothing is left to accept
        row.memberships.update_or_create(user=person, defaults={"role": role})
        accounts.record(actor, "collection.shared", row, username=name, role=role)


def take_member_out(collection: Collection, *, person: User, actor: User) -> None:
    """Take a person's role away. Raises Forbidden, NotFound."""
    rights.require(actor, Right.CHANGE_COLLECTIONS)
    with transaction.atomic():
        row = collections.locked(collection.pk)
        if row.memberships.filter(user=person).delete()[0]:
            accounts.record(actor, "collection.unshared", row, username=person.get_username())


def edit_image(image: Image, *, changed: Mapping[str, Any], actor: User) -> None:
    """Write fields of anybody's picture, where they differ. Raises Forbidden, NotFound."""
    rights.require(actor, Right.CHANGE_IMAGES)
    with transaction.atomic():
        row = Image.objects.alive().select_for_update(no_key=True).filter(pk=image.pk).first()
        if row is None:
            raise NotFound("There is no such picture.")
        fields = [name for name, value in changed.items() if getattr(row, name) != value]
        if fields:
            for name in fields:
                setattr(row, name, changed[name])
            row.save(update_fields=[*fields, "updated_at"])
            accounts.record(actor, "image.edited", row, fields=fields, collection=str(row.collection_id))


def revoke_tokens(rows: Iterable[ApiToken], *, actor: User) -> None:
    """Make anybody's tokens useless. Raises Forbidden."""
    rights.require(actor, Right.TOKENS)
    with transaction.atomic():
        for row in rows:
            accounts.record(actor, "token.revoked", row, username=row.user.get_username())
            row.delete()


def delete_collection(collection: Collection, *, actor: User) -> None:
    """Delete a collection with its pictures. Raises Forbidden."""
    rights.require(actor, Right.DELETE_COLLECTIONS)
    collections.take_away(collection, actor=actor)
