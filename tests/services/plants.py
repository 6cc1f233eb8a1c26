"""Every kind of damage that the audit must find: what plants it, and the code under which it is found."""

from __future__ import annotations

import os
import time
import uuid
from datetime import timedelta

import numpy as np
from django.db import connection
from django.utils import timezone

from retrieval import conf
from retrieval.ingest import files
from retrieval.models import (
    ArchiveImport,
    Collection,
    Compression,
    Embedding,
    EmbeddingCount,
    EmbeddingDigest,
    EmbeddingJob,
    Encoder,
    Evaluation,
    Image,
    ImageDigest,
    JobEvent,
    JobState,
    TrainingRun,
    UserUsage,
)
from tests.factories import CollectionFactory

LONG_AGO = "2026-01-01T00:00:00Z"
NOBODY = 987_654_321


def in_a_century():
    return timezone.now() + timedelta(days=36_525)


def run(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def thumbnail(image, size=320):
    return files.thumbnail(image.pk, image.sha256, size=size)


def other(image):
    return Image.objects.exclude(pk=image.pk).order_by("pk").first()


def vector(image):
    return Embedding.objects.filter(image=image)


def job(image):
    return EmbeddingJob.objects.filter(image=image)


def aged(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def flip(path, position=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def swap(one, two):
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def no_work(image):
    vector(image).delete()
    job(image).delete()


def dead_lease(image):
    vector(image).delete()
    job(image).update(state=JobState.RUNNING, lease_until="2020-01-01T00:00:00Z", round=2)


def failed_without_reason(image):
    vector(image).delete()
    job(image).update(state=JobState.FAILED)


def another_pictures_vector(image):
    """With everything that belongs to it, the digest too."""
    source = vector(other(image)).get()
    vector(image).update(vector=source.vector, length=source.length, centred_length=source.centred_length)
    kept = EmbeddingDigest.objects.get(image_id=source.image_id)
    EmbeddingDigest.objects.filter(image_id=image.pk).update(sha256=bytes(kept.sha256))


def turned_vector(image):
    """Still a sound unit vector."""
    row = vector(image).get()
    vector(image).update(vector=np.roll(np.array(row.vector), 1))


def committed_twice(image):
    event = JobEvent.objects.filter(image=image, kind="done").get()
    JobEvent.objects.create(
        image=image, encoder_id=event.encoder_id, lease_token=uuid.uuid4(), kind="done",
        round=event.round, attempt=1, worker="x",
    )  # fmt: skip


def wrong_weights(image):
    Encoder.objects.update(weights_name="gone.safetensors", weights_sha256="0" * 64)


def archive(image, **fields):
    ArchiveImport.objects.create(user=image.uploader, collection=image.collection, name="a.zip", **fields)


def archive_far_ahead(image):
    archive(image, file=aged(conf.get().incoming / "far.zip").name, state="running", heartbeat_at=in_a_century())


def evaluation_far_ahead(image):
    Evaluation.objects.create(
        user=image.uploader, collection=image.collection, encoders=["x"], state="running", heartbeat_at=in_a_century()
    )


def compression_far_ahead(image):
    Compression.objects.create(
        user=image.uploader, collection=image.collection, encoder="x", state="running", heartbeat_at=in_a_century()
    )


def training_far_ahead(image):
    TrainingRun.objects.create(
        user=image.uploader,
        collection=image.collection,
        name="x",
        recipe="x",
        config={},
        state="running",
        heartbeat_at=in_a_century(),
    )


def digest_to_nobody(image):
    ImageDigest.objects.filter(image=image).update(image_id=uuid.uuid4())


def digest_of_a_deleted_one(image):
    """As a deletion leaves it that forgot the digest; everything else of it is done."""
    vector(image).update(collection=None)
    Image.objects.filter(pk=image.pk).update(deleted_at=timezone.now())


def digest_elsewhere(image):
    ImageDigest.objects.filter(image=image).update(collection=CollectionFactory(owner=image.uploader))


def wrong_digest(image):
    ImageDigest.objects.filter(image=image).update(sha256="0" * 64)


def same_picture_twice(image):
    Image.objects.filter(pk=other(image).pk).update(sha256=image.sha256)


def old_deleted_collection(image):
    Collection.objects.create(name="gone", owner=image.uploader, deleted_at=LONG_AGO)


def deleted_picture(image):
    """Deleted in every respect, but a long time ago."""
    vector(image).update(collection=None)
    ImageDigest.objects.filter(image=image).delete()
    Image.objects.filter(pk=image.pk).update(deleted_at=LONG_AGO)


def deleted_in_a_century(image):
    deleted_picture(image)
    Image.objects.filter(pk=image.pk).update(deleted_at=in_a_century())


def stray(folder, name):
    return lambda image: aged(getattr(conf.get(), folder) / "aa" / name)


# name -> (code, what plants it); each is planted alone into a sound system of three ready pictures.
PLANTS = {
    "no encoder": ("no_encoder", lambda image: Encoder.objects.update(state="retired")),
    "no job": ("no_work", no_work),
    "a dead lease": ("no_work", dead_lease),
    "failed without a reason": ("no_work", failed_without_reason),
    "original altered": ("original_changed", lambda image: files.original(image.sha256).write_bytes(b"other")),
    "one bit of an original": ("original_changed", lambda image: flip(files.original(image.sha256), 40)),
    "original empty": ("original_changed", lambda image: files.original(image.sha256).write_bytes(b"")),
    "original gone": ("original_missing", lambda image: files.original(image.sha256).unlink()),
    "size wrong": ("size_wrong", lambda image: Image.objects.filter(pk=image.pk).update(bytes=1)),
    "weights gone": ("weights_wrong", wrong_weights),
    "thumbnail gone": ("thumbnail_missing", lambda image: thumbnail(image).unlink()),
    "one bit of a thumbnail": ("thumbnail_changed", lambda image: flip(thumbnail(image), 200)),
    "thumbnail empty": ("thumbnail_changed", lambda image: thumbnail(image).write_bytes(b"")),
    "thumbnail cut off": ("thumbnail_changed", lambda image: os.truncate(thumbnail(image), 100)),
    "another picture's thumbnail": (
        "thumbnail_changed", lambda image: thumbnail(image).write_bytes(thumbnail(other(image)).read_bytes()),
    ),
    "two thumbnails exchanged": ("thumbnail_changed", lambda image: swap(thumbnail(image), thumbnail(other(image)))),
    "vector gone": ("vector_missing", lambda image: vector(image).delete()),
    "vector of another length": ("vector_unsound", lambda image: vector(image).update(vector=np.array([3.0, 0, 0]))),
    "vector of another dimension": ("vector_unsound", lambda image: vector(image).update(vector=np.array([1.0, 0]))),
    "negative length": ("vector_unsound", lambda image: vector(image).update(length=-1)),
    "length that is no number": ("vector_unsound", lambda image: vector(image).update(length=float("nan"))),
    "negative infinite length": ("vector_unsound", lambda image: vector(image).update(length=float("-inf"))),
    "negative centred length": ("vector_unsound", lambda image: vector(image).update(centred_length=-0.5)),
    "infinite centred length": ("vector_unsound", lambda image: vector(image).update(centred_length=float("inf"))),
    "another picture's vector": ("vector_changed", another_pictures_vector),
    "another sound vector": ("vector_changed", turned_vector),
    "another plausible length": ("vector_changed", lambda image: vector(image).update(length=0.125)),
    "vector without its digest": (
        "vector_digest_missing", lambda image: EmbeddingDigest.objects.filter(image_id=image.pk).delete(),
    ),
    "vector of a failed job": (
        "vector_of_failed", lambda image: job(image).update(state=JobState.FAILED, error_code="x", error_text="y"),
    ),
    "deleted but to be found": (
        "vector_visible", lambda image: Image.objects.filter(pk=image.pk).update(deleted_at=timezone.now()),
    ),
    "vector without collection": ("vector_hidden", lambda image: vector(image).update(collection=None)),
    "vector in another collection": (
        "vector_misplaced", lambda image: vector(image).update(collection=CollectionFactory(owner=image.uploader)),
    ),
    "file without row": ("stray_original", stray("originals", "aa" + "0" * 62)),
    "thumbnail without row": ("stray_thumbnail", stray("thumbnails", f"{uuid.UUID(int=7)}-320.jpg")),
    "old temporary file": ("old_temporary_file", lambda image: aged(conf.get().incoming / "left-over")),
    "committed twice": ("committed_twice", committed_twice),
    "usage wrong": ("usage_wrong", lambda image: UserUsage.objects.update(images=99)),
    "no usage": ("usage_wrong", lambda image: UserUsage.objects.all().delete()),
    "count wrong": ("count_wrong", lambda image: EmbeddingCount.objects.update(images=99)),
    "digest gone": ("digest_missing", lambda image: ImageDigest.objects.filter(image=image).delete()),
    "digest of nobody": ("digest_dangling", digest_to_nobody),
    "digest of a deleted picture": ("digest_dangling", digest_of_a_deleted_one),
    "digest of other bytes": ("digest_wrong", wrong_digest),
    "digest in another collection": ("digest_wrong", digest_elsewhere),
    "the same picture twice": ("same_picture_twice", same_picture_twice),
    "picture purged too late": ("purge_overdue", deleted_picture),
    "collection purged too late": ("purge_overdue", old_deleted_collection),
    "pictures of a collection purged too late": (
        "purge_overdue", lambda image: Collection.objects.filter(pk=image.collection_id).update(deleted_at=LONG_AGO),
    ),
    "attempt in a century": (
        "job_far_ahead", lambda image: job(image).update(state="pending", round=2, next_attempt_at=in_a_century()),
    ),
    "lease for a century": (
        "job_far_ahead", lambda image: job(image).update(state="running", round=2, lease_until=in_a_century()),
    ),
    "archive held for a century": ("work_far_ahead", archive_far_ahead),
    "evaluation held for a century": ("work_far_ahead", evaluation_far_ahead),
    "compression held for a century": ("work_far_ahead", compression_far_ahead),
    "training held for a century": ("work_far_ahead", training_far_ahead),
    "deleted in a century": ("deleted_far_ahead", deleted_in_a_century),
    "archive running without its file": (
        "archive_missing", lambda image: archive(image, state="running", file="gone.zip"),
    ),
    "archive waiting without its file": ("archive_missing", lambda image: archive(image, file="gone.zip")),
    "archive waiting without a name": ("archive_missing", lambda image: archive(image, file="")),
    "uploader gone": (
        "reference_dangling", lambda image: Image.objects.filter(pk=image.pk).update(uploader_id=NOBODY),
    ),
    "owner gone": ("reference_dangling", lambda image: Collection.objects.update(owner_id=NOBODY)),
    "owner of a job gone": ("reference_dangling", lambda image: job(image).update(owner_id=NOBODY)),
    "unknown state of a job": ("value_unknown", lambda image: job(image).update(state="lost")),
    "unknown visibility": ("value_unknown", lambda image: Collection.objects.update(visibility="all")),
}  # fmt: skip
