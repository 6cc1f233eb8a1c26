"""Pictures: put in, seen, changed, moved, deleted, brought back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval import conf
from retrieval.errors import Conflict, NotFound
from retrieval.ingest import fingerprint, sandbox, store
from retrieval.models import Collection, Image, ImageDigest, Role, Status
from retrieval.search import stored
from retrieval.services.images import choice, collections, file_facts, purging
from retrieval.services.images.choice import ImageFilters
from retrieval.services.images.image_fields import ImageChanges, checked
from retrieval.services.people import accounts, askers, rights
from retrieval.work import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

__all__ = [
    "Added", "ImageChanges", "ImageFilters", "Upload", "add", "delete", "edit", "file_path", "get", "listing", "move",
    "purge_deleted", "put_into", "restore", "retry", "take_away", "thumbnail_path",
]  # fmt: skip

purge_deleted = purging.purge_deleted
listing = choice.listing


class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""


@dataclass(frozen=True)
class Upload:
    """A file to be added, the name that it had, and what its uploader says about it."""

    file: Readable
    name: str = ""
    texts: ImageChanges = field(default_factory=ImageChanges)


@dataclass(frozen=True)
class Added:
    """The picture, and whether it is new; the same bytes in the same collection are not kept twice."""

    image: Image
    created: bool


def add(upload: Upload, *, user: User, collection: Collection) -> Added:
    """Check, decode and keep one picture; its embedding waits in the ledger. A contributor may.

    Raises NotFound and Forbidden, InvalidInput, TooLarge, UnsupportedPicture, TooMany (quota, ``decoding_used_up``),
    Unavailable (``decoders_busy``) and StorageFull; nothing is kept then. The edge wakes a worker after the commit.
    """
    rights.require_role(collection, user=user, role=Role.CONTRIBUTOR)
    checked(upload.texts)
    data = _read(upload.file)
    digest = fingerprint.sha256(data)
    known = store.known(collection, [digest])
    if digest in known:
        return Added(get(known[digest].pk, user=user), created=False)
    decoded = sandbox.upload(data, asker=askers.waiting(user))
    columns = file_facts.columns(decoded, name=upload.name, said=upload.texts, collection=collection)
    picture = store.NewPicture(data, digest, decoded, columns)
    still = partial(collections.acting, collection.pk, user=user)  # decoding took a while
    (saved,) = store.save([picture], place=store.Place(collection, user), check=still)
    return Added(_as_made(saved.image), True) if saved.created else Added(get(saved.image.pk, user=user), False)


def _read(file: Readable) -> bytes:
    """Read a file up to its limit and a byte more; of what is no video that is as much as a picture may have."""
    most = conf.get().limits.image_bytes
    data = file.read(most + 1)
    return data if len(data) <= most else data + file.read(sandbox.most_bytes(data) - most)


def get(image_id: UUID | str, *, user: Viewer) -> Image:
    """Return the picture with its status and collection, or raise NotFound, be it hidden or absent."""
    told = Image.objects.visible_to(user).with_status().with_favourite(user).with_text().select_related("collection")
    return _found(told, image_id)


def get_file(image_id: UUID | str, *, user: Viewer) -> Image:
    """Return the picture as its files need it, without what is told of it, or raise NotFound as ``get``.

    A page asks for sixty thumbnails: each question has to cost little.
    """
    return _found(Image.objects.visible_to(user), image_id)


def _found(among: QuerySet[Image], image_id: UUID | str) -> Image:
    try:
        return among.get(pk=image_id)
    except Image.DoesNotExist:
        raise NotFound("There is no such picture.") from None


def edit(image: Image, *, user: User, changes: ImageChanges) -> Image:
    """Write what people say about the picture, where it differs; a contributor may.

    Raises InvalidInput naming the field, and as ``delete``.
    """
    with transaction.atomic():
        row = _mine(image, user=user)
        changed = {name: value for name, value in checked(changes).items() if getattr(row, name) != value}
        for name, value in changed.items():
            setattr(row, name, value)
        if changed:
            row.save(update_fields=[*changed, "updated_at"])
    return get(image.pk, user=user)


def move(image: Image, *, user: User, collection: Collection) -> Image:
    """Put the picture into another collection; a contributor of both may. Raises Conflict when it is there already."""
    with transaction.atomic():
        collections.acting(image.collection_id, collection.pk, user=user)
        put_into(collection, image=image, actor=user)
    return get(image.pk, user=user)


def put_into(collection: Collection, *, image: Image, actor: User) -> None:
    """Do what ``move`` does, whoever may ask: the caller has looked at rights.

    Raises NotFound, and Conflict when the collection has it already or when it was moved since ``image`` was read.
    """
    with transaction.atomic():
        collections.hold(image.collection_id, collection.pk)
        store.lock([image.sha256])
        row = _locked(image.pk, deleted=False)
        _require_unmoved(row, image)
        if row.collection_id != collection.pk:
            _claim_digest(row, collection)
            ImageDigest.objects.filter(collection=row.collection_id, image=row).delete()
            row.collection = collection
            row.save(update_fields=["collection", "updated_at"])
            stored.place(row.pk, collection.pk)
            accounts.record(actor, "image.moved", row, source=str(image.collection_id), goal=str(collection.pk))


def delete(image: Image, *, user: User) -> None:
    """Take the picture away from everybody at once, into the trash. A contributor may.

    Raises NotFound, Forbidden, and Conflict when it was moved since ``image`` was read.
    """
    with transaction.atomic():
        collections.acting(image.collection_id, user=user)
        _require_unmoved(take_away(image, actor=user), image)


def take_away(image: Image, *, actor: User) -> Image:
    """Do what ``delete`` does, whoever may ask: the caller has looked at rights. Return the row; raises NotFound."""
    with transaction.atomic():
        store.lock([image.sha256])
        row = _locked(image.pk, deleted=False)
        row.deleted_at = timezone.now()
        row.save(update_fields=["deleted_at", "updated_at"])
        ImageDigest.objects.filter(image=row).delete()
        stored.place(row.pk, None)
        accounts.record(actor, "image.deleted", row, collection=str(row.collection_id))
    return row


def restore(image_id: UUID, *, user: User) -> Image:
    """Bring back a picture from the trash; a contributor may.

    Raises NotFound when it is gone for good or not the caller's to see, Conflict when the same bytes were put in again
    meanwhile.
    """
    seen = Image.objects.filter(collection__in=Collection.objects.visible_to(user))
    kept = seen.filter(deleted_at__gt=purging.kept_since())
    gone = kept.select_related("collection").filter(pk=image_id).first()
    if gone is None:
        raise NotFound("There is no such picture.")
    with transaction.atomic():
        collections.acting(gone.collection_id, user=user)
        store.lock([gone.sha256])
        row = _locked(image_id, deleted=True)
        _claim_digest(row, row.collection)
        row.deleted_at = None
        row.save(update_fields=["deleted_at", "updated_at"])
        stored.place(row.pk, row.collection_id)
        accounts.record(user, "image.restored", row, collection=str(row.collection_id))
    return get(image_id, user=user)


def retry(image: Image, *, user: User) -> None:
    """Try again to embed the picture; a contributor may."""
    with transaction.atomic():
        _mine(image, user=user)
        jobs.embed_again(Image.objects.filter(pk=image.pk))


def thumbnail_path(image: Image, size: int) -> Path:
    """Where the thumbnail of that long side lies, a JPEG; ``size`` is one of the configured ones."""
    return store.thumbnail(image.pk, image.sha256, size=size)


def file_path(image: Image) -> Path:
    """Where the uploaded bytes lie."""
    return store.original(image.sha256)


def _as_made(image: Image) -> Image:
    """Give a picture that was just made what ``get`` would read: no worker can have failed it, nobody marked it yet."""
    pending = {"status": Status.PENDING.value, "error_code": None, "error_text": None, "favourite": False, "text": None}
    for name, value in pending.items():
        setattr(image, name, value)
    return image


def _locked(image_id: UUID, *, deleted: bool) -> Image:
    """Lock the row, so that what the ledger writes at the same moment comes before or after."""
    rows = Image.objects.select_for_update(no_key=True, of=("self",)).select_related("collection", "uploader")
    found = rows.filter(pk=image_id, deleted_at__isnull=not deleted).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def _mine(image: Image, *, user: User) -> Image:
    """Lock the row for somebody who may change it where it is now. Raises NotFound, Forbidden, Conflict (moved)."""
    collections.acting(image.collection_id, user=user)
    row = _locked(image.pk, deleted=False)
    _require_unmoved(row, image)
    return row


def _require_unmoved(row: Image, seen: Image) -> None:
    """Raise Conflict unless the picture still is where it was when rights were asked for that place."""
    if row.collection_id != seen.collection_id:
        raise Conflict("The picture was moved at this moment; look again.", code="image_moved")


def _claim_digest(image: Image, collection: Collection) -> None:
    """Write down that the collection has these bytes; a document's further pages have no row of their own.

    The caller holds the digest's lock.
    """
    if image.page > 1:
        return
    if store.known(collection, [image.sha256]):
        raise Conflict("The collection has this very picture already.", code="same_picture")
    ImageDigest.objects.create(collection=collection, sha256=image.sha256, image=image)
