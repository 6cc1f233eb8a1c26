"""Keep pictures that passed the gate: files first, then one transaction with all their rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uuid6
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.utils.crypto import salted_hmac

from retrieval import conf
from retrieval.errors import NotFound, TooMany
from retrieval.ingest import files, fingerprint
from retrieval.ingest.files import original, thumbnail
from retrieval.ingest.picture import Decoded
from retrieval.models import ArchiveImport, Collection, EmbeddingJob, Encoder, Image, ImageDigest, UserUsage
from retrieval.models.bounds import GROUP_LENGTH
from retrieval.models.images import content

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

__all__ = [
    "NewPicture", "Place", "Saved", "add_usage", "known", "lock", "original", "release_usage", "save", "thumbnail",
]  # fmt: skip

DAY = 86_400


@dataclass(frozen=True)
class Place:
    """Into which collection, by whom, and how urgent: 0 while a person waits, higher for bulk work."""

    collection: Collection
    user: User
    priority: int = 0


@dataclass(frozen=True, eq=False)
class NewPicture:
    """A file that was decoded, or a further page of one, and the columns that its uploader chose (title, tags ...)."""

    data: bytes
    sha256: str
    decoded: Decoded
    columns: Mapping[str, Any] = field(default_factory=dict)
    page: int = 1
    document: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=uuid6.uuid7)

    def files(self) -> dict[Path, bytes]:
        """Target -> content of the original, which further pages have already, and of every thumbnail."""
        small = {thumbnail(self.id, self.sha256, size=size): data for size, data in self.decoded.thumbnails.items()}
        return {original(self.sha256): self.data, **small} if self.page == 1 else small

    @property
    def content(self) -> str:
        """What it shows, as of ``Image``."""
        return content(self.sha256, self.page)


@dataclass(frozen=True)
class Saved:
    """The row, and whether it was made now or had the same bytes already."""

    image: Image
    created: bool


def known(collection: Collection, digests: Iterable[str]) -> dict[str, Image]:
    """Return the living pictures of the collection that have these bytes, by SHA-256."""
    rows = ImageDigest.objects.filter(collection=collection, sha256__in=list(digests))
    ids = dict(rows.values_list("sha256", "image_id"))
    images = Image.objects.in_bulk(ids.values()) if ids else {}
    return {digest: images[pk] for digest, pk in ids.items() if pk in images}


def save(pictures: Sequence[NewPicture], *, place: Place, check: Callable[[], object] = tuple) -> list[Saved]:
    """Keep pictures, all in one commit; one whose bytes the collection has already is not kept again.

    ``check`` is called first in that transaction, to ask for rights once more; what it raises keeps everything out.

    The files are durable and in place before the commit: a crash before it leaves files without rows, which the audit
    removes, and after it everything is there. Raises StorageFull, TooMany (quota) and NotFound (the collection was
    deleted meanwhile); nothing is kept then.
    """
    contents = {target: data for picture in pictures for target, data in picture.files().items()}
    with files.staged(contents) as staged, transaction.atomic():
        check()
        lock(picture.sha256 for picture in pictures)
        _require_originals(pictures)
        images = known(place.collection, [picture.content for picture in pictures])
        new = {picture.content: picture for picture in pictures if picture.content not in images}
        images |= _insert(list(new.values()), place=place)
        files.place({target: staged[target] for picture in new.values() for target in picture.files()})
    return [Saved(images[picture.content], new.get(picture.content) is picture) for picture in pictures]


def _require_originals(pictures: Sequence[NewPicture]) -> None:
    """Raise NotFound when the file of a further page was taken away: its document was deleted."""
    if not all(original(picture.sha256).is_file() for picture in pictures if picture.page > 1):
        raise NotFound("The document is not there any more.", code="archive_missing")


def lock(digests: Iterable[str]) -> None:
    """Hold these digests until the transaction ends.

    Whoever adds, restores or removes a picture holds its digest, so that the same bytes never get two rows in a
    collection and no original is removed while a new row comes to need it. In order, so that two never lock up.
    """
    keys = sorted({int.from_bytes(bytes.fromhex(digest)[:8], signed=True) for digest in digests})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def add_usage(user: User, *, images: int, size: int) -> None:
    """Add to what a person uses, exact under races. Raises TooMany beyond the quota."""
    UserUsage.objects.get_or_create(user=user)
    limits = conf.get().limits
    within = {"images__lte": limits.user_images - images, "bytes__lte": limits.user_bytes - size}
    row = UserUsage.objects.filter(user=user, **within)
    if not row.update(images=F("images") + images, bytes=F("bytes") + size):
        raise TooMany("Your quota of pictures is used up.", code="quota_exceeded", retry_after=DAY)


def release_usage(images: QuerySet[Image]) -> None:
    """Take these pictures off what their uploaders use; in the transaction in which their rows are removed."""
    totals = images.order_by("uploader").values("uploader").annotate(images=Count("pk"), size=Sum("bytes"))
    for row in totals.values_list("uploader", "images", "size"):
        UserUsage.objects.filter(user=row[0]).update(images=F("images") - row[1], bytes=F("bytes") - row[2])


def _insert(pictures: Sequence[NewPicture], *, place: Place) -> dict[str, Image]:
    """Write all rows of new pictures, and that the further pages of documents are to be made; by what they show."""
    if not pictures:
        return {}
    if not Collection.objects.filter(pk=place.collection.pk, deleted_at=None).exists():
        raise NotFound("There is no such collection.")
    images = Image.objects.bulk_create([_row(picture, place) for picture in pictures])
    ImageDigest.objects.bulk_create(
        [
            ImageDigest(collection=place.collection, sha256=picture.sha256, image_id=picture.id)
            for picture in pictures
            if picture.page == 1
        ]
    )
    _write_down_pages(pictures, place)
    EmbeddingJob.objects.bulk_create(
        [
            EmbeddingJob(image_id=picture.id, encoder=encoder, owner=place.user, priority=place.priority)
            for encoder in Encoder.objects.wanted()
            for picture in pictures
        ]
    )
    add_usage(place.user, images=len(images), size=sum(image.bytes for image in images))
    return {image.content: image for image in images}


def _write_down_pages(pictures: Sequence[NewPicture], place: Place) -> None:
    """Write down that the further pages of new documents are to be made."""
    first = [picture for picture in pictures if picture.page == 1 < picture.decoded.pages]
    ArchiveImport.objects.bulk_create(
        [
            ArchiveImport(
                user=place.user, collection=place.collection, name=picture.columns.get("title") or str(picture.id),
                document=picture.id, total=picture.decoded.pages - 1, scenes=list(picture.decoded.scenes),
            )
            for picture in first
        ]
    )  # fmt: skip


def _row(picture: NewPicture, place: Place) -> Image:
    decoded = picture.decoded
    document = picture.document or (picture.id if decoded.pages > 1 else None)
    return Image(
        id=picture.id,
        collection=place.collection,
        uploader=place.user,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        bytes=len(picture.data) if picture.page == 1 else 0,
        sha256=picture.sha256,
        pdq=fingerprint.bit_text(decoded.pdq) if decoded.pdq else None,
        placeholder=decoded.placeholder,
        thumbnail_digests=fingerprint.thumbnail_digests(decoded.thumbnails),
        document=document,
        page=picture.page,
        pages=decoded.pages,
        second=decoded.second,
        **{**picture.columns, "group_key": _group(picture, document)},
    )


def _group(picture: NewPicture, document: uuid.UUID | None) -> str:
    """What the picture belongs to: what is said, else its patient, else its document.

    A patient is a digest under the site's secret: nobody who knows a patient's number finds the pictures by it.
    """
    said, subject = str(picture.columns.get("group_key") or ""), picture.decoded.subject
    if said or not (subject or document):
        return said
    if subject:
        return f"patient {salted_hmac('retrieval.patient', subject, algorithm='sha256').hexdigest()[:20]}"
    return f"{picture.columns.get('title') or 'document'} {str(document)[-8:]}"[-GROUP_LENGTH:]
