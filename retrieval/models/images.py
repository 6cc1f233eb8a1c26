"""Pictures as rows, how far their embedding is, and the digests by which the same bytes are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uuid6
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Case, Exists, F, Func, OuterRef, Value, When
from django.db.models.functions import Coalesce
from pgvector.django import BitField

from retrieval.models.bounds import (
    CAMERA_LENGTH,
    CAPTION_LENGTH,
    GROUP_LENGTH,
    PATH_LENGTH,
    TAG_LENGTH,
    TITLE_LENGTH,
    URL_LENGTH,
)
from retrieval.models.collections import Collection
from retrieval.models.embeddings import Embedding
from retrieval.models.encoders import Encoder
from retrieval.models.jobs import EmbeddingJob, JobState

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


ALIVE = models.Q(deleted_at=None)


class Status(models.TextChoices):
    """How far a picture is with the active encoder."""

    PENDING = "pending", "Pending"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class ImageQuerySet(models.QuerySet["Image"]):
    """Filters on pictures."""

    def alive(self) -> ImageQuerySet:
        """Leave out what was deleted and only waits for its undo time to end."""
        return self.filter(deleted_at=None)

    def visible_to(self, user: Viewer) -> ImageQuerySet:
        """Keep the living pictures of the collections that this person may see."""
        return self.alive().filter(collection__in=Collection.objects.visible_to(user))

    def with_favourite(self, user: Viewer) -> ImageQuerySet:
        """Add ``favourite``: whether this person marked it."""
        marked = Favourite.objects.filter(image_id=OuterRef("pk"), user_id=user.pk or 0)
        return self.annotate(favourite=Exists(marked))

    def with_text(self) -> ImageQuerySet:
        """Add ``text``, what was read from each; None where its collection has nothing read, or it waits for that."""
        texts = self.model._meta.get_field("read").related_model._default_manager  # it comes after this module
        read = texts.filter(image_id=OuterRef("pk"))  # no join: rows of an outer join cannot be locked
        return self.annotate(text=Case(When(collection__read_text=True, then=models.Subquery(read.values("text")[:1]))))

    def of_status(self, status: str) -> ImageQuerySet:
        """Keep those of one status: what ``with_status`` says of them, found by index and not told of each."""
        vectors, failed = _progress()
        is_ready, has_failed = Exists(vectors), Exists(failed)
        if status == Status.FAILED:
            return self.filter(has_failed)
        return self.filter(~has_failed, is_ready if status == Status.READY else ~is_ready)

    def with_status(self) -> ImageQuerySet:
        """Add ``status``, ``error_code`` and ``error_text`` with regard to the active encoder."""
        vectors, failed = _progress()
        return self.annotate(
            status=Case(
                When(Exists(failed), then=Value(Status.FAILED.value)),
                When(Exists(vectors), then=Value(Status.READY.value)),
                default=Value(Status.PENDING.value),
                output_field=models.CharField(),
            ),
            error_code=models.Subquery(failed.values("error_code")[:1]),
            error_text=models.Subquery(failed.values("error_text")[:1]),
        )


def _progress() -> tuple[models.QuerySet[Embedding], models.QuerySet[EmbeddingJob]]:
    """Return the vectors of the outer query's picture by the active encoder, and its job if that failed."""
    of_it = {"image_id": OuterRef("pk"), "encoder": Encoder.objects.active()}
    return Embedding.objects.filter(**of_it), EmbeddingJob.objects.filter(**of_it, state=JobState.FAILED)


def content(sha256: str, page: int) -> str:
    """Name what a page of a file shows; a file of one page, and the first of many, has the file's digest."""
    return sha256 if page == 1 else f"{sha256}#{page}"


class Image(models.Model):
    """One picture in one collection.

    The pages of a document, and the scenes of a video, are pictures of one file: they share its digest, and the first
    alone counts its ``bytes`` and has the digest's row, by which the file is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    collection = models.ForeignKey(Collection, models.PROTECT, related_name="images")
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="images", db_constraint=False)
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    caption = models.TextField(blank=True, max_length=CAPTION_LENGTH)
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), default=list, blank=True)
    group_key = models.CharField(
        max_length=GROUP_LENGTH, blank=True, db_index=True, help_text="Case, document, product ..."
    )
    source_url = models.URLField(max_length=URL_LENGTH, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    format = models.CharField(max_length=8)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    pdq = BitField(length=256, null=True, editable=False)
    placeholder = models.CharField(max_length=2000, blank=True, editable=False)
    thumbnail_digests = models.JSONField(null=True, editable=False, help_text="Long side: SHA-256; empty: not known.")
    document = models.UUIDField(null=True, editable=False, help_text="What its pages have in common: the first's id.")
    page = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    pages = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    second = models.FloatField(null=True, editable=False, help_text="Of a scene: when it begins in its video.")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="In UTC where its offset is not known.")
    taken_offset = models.SmallIntegerField(null=True, blank=True, help_text="Minutes east of UTC.")
    camera = models.CharField(max_length=CAMERA_LENGTH, blank=True, default="", db_default="")
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    path = models.CharField(
        max_length=PATH_LENGTH, blank=True, default="", db_default="", help_text="As the file came."
    )
    rating = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="0 to 5.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # Kept by triggers on the rows that they tell of, so that what is due is found by index.
    has_features = models.BooleanField(default=False, db_default=False, editable=False)
    has_text = models.BooleanField(default=False, db_default=False, editable=False)
    moment = models.GeneratedField(
        expression=Coalesce("taken_at", "created_at"), output_field=models.DateTimeField(), db_persist=True
    )
    words = models.GeneratedField(
        expression=Func(F("title"), F("caption"), F("tags"), function="public.retrieval_words"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ImageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # Of the living alone, so that lists are cut and counted without looking at a row.
            models.Index(fields=["collection", "-created_at", "-id"], condition=ALIVE, name="image_newest_first"),
            models.Index(fields=["-created_at", "-id"], condition=ALIVE, name="image_newest_of_all"),
            models.Index(fields=["collection", "-moment", "-id"], condition=ALIVE, name="image_by_moment"),
            models.Index(fields=["collection", "title", "id"], condition=ALIVE, name="image_by_title"),
            models.Index(fields=["collection", "bytes", "id"], condition=ALIVE, name="image_by_bytes"),
            models.Index(fields=["collection", "camera"], name="image_by_camera"),
            models.Index(
                fields=["id"],
                condition=models.Q(thumbnail_digests__isnull=True),
                name="image_thumbnails_unknown",
            ),
            models.Index(
                fields=["collection", "id"], condition=ALIVE & models.Q(has_features=False), name="image_features_due"
            ),
            models.Index(
                fields=["collection", "id"], condition=ALIVE & models.Q(has_text=False), name="image_text_due"
            ),
            models.Index(fields=["document", "page"], condition=models.Q(document__isnull=False), name="image_pages"),
            GinIndex(fields=["tags"], name="image_tags"),
            GinIndex(fields=["words"], name="image_words"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)

    @property
    def content(self) -> str:
        """What it shows: the digest of its file, and the page of a document beyond the first."""
        return content(self.sha256, self.page)

    @property
    def of_patient(self) -> bool:
        """Whether it is a medical picture whose group says of whom: what is like it is looked for among others."""
        return self.format == "DICOM" and bool(self.group_key)


class Favourite(models.Model):
    """A picture that one person marked for themselves."""

    pk = models.CompositePrimaryKey("user_id", "image_id")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="favourites", db_constraint=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.image_id} of {self.user_id}"


class ImageFeatures(models.Model):
    """A picture's local features, packed by ``matching.local_features``; none of them where it could not be read."""

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="features")
    packed = models.BinaryField()
    parts = ArrayField(models.BinaryField(), default=list, db_default=[], help_text="Of parts that stand out.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.image_id)


class ImageDigest(models.Model):
    """Which living picture of a collection has these bytes; its key makes a second copy impossible, even in a race."""

    pk = models.CompositePrimaryKey("collection_id", "sha256")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    sha256 = models.CharField(max_length=64)
    image = models.ForeignKey(Image, models.CASCADE, related_name="digests", db_constraint=False)

    def __str__(self) -> str:
        return self.sha256
