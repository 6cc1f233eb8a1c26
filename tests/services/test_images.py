"""Pictures: put in once, even in a race; changed, moved, deleted, brought back; files and counters exact."""

from __future__ import annotations

import dataclasses
import errno
import io
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from PIL import Image as Pictures

from retrieval import conf
from retrieval.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RetrievalError,
    StorageFull,
    TooLarge,
    TooMany,
    UnsupportedPicture,
)
from retrieval.ingest import Asker, files, store
from retrieval.models import (
    AuditEvent,
    Collection,
    Embedding,
    EmbeddingJob,
    Image,
    ImageDigest,
    JobEvent,
    JobState,
    UserUsage,
)
from retrieval.services.images import collections, images, purging
from retrieval.services.images.images import ImageChanges, ImageFilters, Upload
from retrieval.services.people import askers
from retrieval.work import jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.ingest.pictures import encoded, sample, scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A media folder for this test alone."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    return tmp_path / "media"


@pytest.fixture
def collection():
    return CollectionFactory()


def put(collection, *, seed=0, user=None, data=None, **texts):
    data = sample("JPEG", seed=seed) if data is None else data
    upload = Upload(io.BytesIO(data), "a.jpg", ImageChanges(**texts))
    return images.add(upload, user=user or collection.owner, collection=collection)


def kept(media):
    return sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())


def usage(user):
    return UserUsage.objects.filter(user=user).values_list("images", "bytes").first() or (0, 0)


def limited(settings, **limits):
    now = conf.get()
    settings.IMAGESEARCH = dataclasses.replace(now, limits=dataclasses.replace(now.limits, **limits))


def member(collection, role):
    collection.visibility = "shared"
    collection.save()
    user = UserFactory()
    collection.memberships.create(user=user, role=role)
    return user


def vector(image, encoder):
    Embedding.objects.create(
        image=image, encoder=encoder, collection=image.collection, vector=[1.0] * 512, length=1, centred_length=1
    )


def test_a_picture_becomes_a_row_files_and_jobs(collection, media):
    encoders = [EncoderFactory(), EncoderFactory(state="building")]
    EncoderFactory(state="retired")
    data = sample("PNG", size=(640, 480))
    added = put(collection, data=data, title="Title", tags=["a", " b ", "a"], metadata={"n": 1})
    image = added.image
    assert added.created
    assert (image.width, image.height, image.format, image.bytes) == (640, 480, "PNG", len(data))
    assert (image.title, image.tags, image.metadata, image.status) == ("Title", ["a", "b"], {"n": 1}, "pending")
    assert image.placeholder.startswith("data:image/webp;base64,")
    assert len(image.pdq) == 256
    assert images.file_path(image).read_bytes() == data
    assert Pictures.open(images.thumbnail_path(image, 320)).size == (320, 240)
    assert Pictures.open(images.thumbnail_path(image, 1280)).size == (640, 480)
    assert {job.encoder for job in EmbeddingJob.objects.filter(image=image)} == set(encoders)
    assert usage(collection.owner) == (1, len(data))
    assert not list(conf.get().incoming.iterdir())
    assert len(kept(media)) == 3


def test_the_title_is_the_file_s_name_as_display_text(collection):
    name = "C:\\x/../../e\u202evil\r\n%2f.name.jpg"
    image = images.add(Upload(io.BytesIO(sample())), user=collection.owner, collection=collection).image
    assert image.title == ""
    image = images.add(Upload(io.BytesIO(sample(seed=1)), name), user=collection.owner, collection=collection).image
    assert image.title == "evil%2f.name"


def test_the_same_bytes_are_kept_once_in_a_collection(collection, media):
    first, second = put(collection), put(collection)
    assert (second.image, second.created) == (first.image, False)
    elsewhere = put(CollectionFactory(owner=collection.owner))
    assert elsewhere.created
    assert len([name for name in kept(media) if name.startswith("originals")]) == 1
    assert usage(collection.owner)[0] == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"no picture", UnsupportedPicture), (sample("PNG")[:300], UnsupportedPicture), (b"", UnsupportedPicture)],
)
def test_what_is_refused_leaves_nothing(collection, media, data, error):
    with pytest.raises(error):
        put(collection, data=data)
    assert not Image.objects.exists()
    assert kept(media) == []


def test_a_file_is_read_up_to_the_limit_and_no_further(collection, settings):
    limited(settings, image_bytes=1000)
    file = io.BytesIO(b"x" * 5000)
    with pytest.raises(TooLarge):
        images.add(Upload(file), user=collection.owner, collection=collection)
    assert file.tell() == 1001


def test_of_a_video_more_is_read_up_to_its_own_limit(collection, settings):
    limited(settings, image_bytes=1000, video_bytes=3000)
    file = io.BytesIO(b"\0\0\0\x14ftypisom" + bytes(5000))
    with pytest.raises(TooLarge):
        images.add(Upload(file), user=collection.owner, collection=collection)
    assert file.tell() == 3001


@pytest.mark.parametrize(
    "texts",
    [
        {"title": "x" * 301},
        {"title": "\x00"},
        {"caption": "x" * 5001},
        {"tags": ["x" * 101]},
        {"tags": [str(n) for n in range(101)]},
        {"group_key": "x" * 201},
        {"source_url": "javascript:alert(1)"},
        {"source_url": "file:///etc/passwd"},
        {"metadata": {"a": "x" * 70_000}},
        {"metadata": {"a": "\x00"}},
    ],
)
def test_words_out_of_bounds_are_refused_by_name(collection, texts):
    with pytest.raises(InvalidInput) as caught:
        put(collection, **texts)
    assert list(caught.value.fields) == list(texts)
    image = put(collection).image
    with pytest.raises(InvalidInput):
        images.edit(image, user=collection.owner, changes=ImageChanges(**texts))


def test_the_disk_being_full_keeps_nothing(collection, media, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull):
        put(collection)
    monkeypatch.undo()
    assert not Image.objects.exists()
    assert kept(media) == []
    assert put(collection).created


def test_the_quota_stops_at_the_last_picture_and_byte(collection, settings):
    limited(settings, user_images=2)
    put(collection)
    put(collection, seed=1)
    with pytest.raises(TooMany) as caught:
        put(collection, seed=2)
    assert caught.value.code == "quota_exceeded"
    assert usage(collection.owner)[0] == Image.objects.count() == 2
    limited(settings, user_images=9, user_bytes=usage(collection.owner)[1] + 10)
    with pytest.raises(TooMany):
        put(collection, seed=2)


@pytest.mark.parametrize(("role", "error"), [("viewer", Forbidden), ("contributor", None), ("manager", None)])
def test_a_contributor_may_put_in_change_and_delete(collection, role, error):
    user = member(collection, role)
    image = put(collection).image
    acts = [
        lambda: put(collection, user=user, seed=9),
        lambda: images.edit(image, user=user, changes=ImageChanges(title="New")),
        lambda: images.retry(image, user=user),
        lambda: images.move(image, user=user, collection=collection),
        lambda: images.delete(image, user=user),
        lambda: images.restore(image.pk, user=user),
    ]
    for act in acts[:-1] if error else acts:
        if error:
            with pytest.raises(error):
                act()
        else:
            act()


def test_a_stranger_is_told_that_there_is_nothing(collection):
    image, stranger = put(collection).image, UserFactory()
    acts = [
        lambda: images.get(image.pk, user=stranger),
        lambda: images.get(uuid.uuid4(), user=stranger),
        lambda: images.get(image.pk, user=AnonymousUser()),
        lambda: put(collection, user=stranger),
        lambda: images.edit(image, user=stranger, changes=ImageChanges(title="x")),
        lambda: images.delete(image, user=stranger),
        lambda: images.move(image, user=collection.owner, collection=CollectionFactory()),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    assert list(images.listing(stranger, filters=ImageFilters())) == []


def test_editing_writes_what_was_named_and_nothing_else(collection):
    image = put(collection, title="Old", caption="Stays").image
    edited = images.edit(image, user=collection.owner, changes=ImageChanges(title="New", tags=("t",)))
    assert (edited.title, edited.caption, edited.tags) == ("New", "Stays", ["t"])


def test_the_list_keeps_what_the_filters_ask_for(collection):
    first = put(collection, title="Red rose", tags=["flower"], group_key="g").image
    second = put(CollectionFactory(owner=collection.owner), seed=1, caption="A blue car").image
    later = timezone.now() + timedelta(hours=1)

    def found(**filters):
        return list(images.listing(collection.owner, filters=ImageFilters(**filters)))

    assert found() == [second, first]
    assert found(collection=collection.pk) == [first]
    assert found(tag="flower") == found(group_key="g") == found(q="rose") == [first]
    assert found(q="CAR") == [second]
    assert found(status="pending") == [second, first]
    assert found(status="ready") == found(created_after=later) == []
    assert found(created_before=later) == [second, first]


def test_moving_takes_the_vectors_along(collection):
    encoder, other = EncoderFactory(), CollectionFactory(owner=collection.owner)
    image = put(collection).image
    vector(image, encoder)
    assert images.move(image, user=collection.owner, collection=other).collection == other
    assert Embedding.objects.get().collection == other
    assert ImageDigest.objects.get().collection == other
    assert put(collection).created
    with pytest.raises(Conflict):
        images.move(Image.objects.get(collection=collection), user=collection.owner, collection=other)


def test_deleting_hides_at_once_and_can_be_undone(collection):
    encoder = EncoderFactory()
    image = put(collection).image
    before = usage(collection.owner)
    vector(image, encoder)
    images.delete(image, user=collection.owner)
    with pytest.raises(NotFound):
        images.get(image.pk, user=collection.owner)
    assert Embedding.objects.get().collection is None
    assert usage(collection.owner) == before  # the trash counts
    with pytest.raises(NotFound):
        images.delete(image, user=collection.owner)
    assert images.restore(image.pk, user=collection.owner).status == "ready"
    assert Embedding.objects.get().collection == collection
    assert usage(collection.owner) == before
    with pytest.raises(NotFound):
        images.restore(image.pk, user=collection.owner)
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"image.deleted", "image.restored"}


def test_the_same_bytes_after_a_deletion_are_a_new_picture_and_undo_says_so(collection):
    image = put(collection).image
    images.delete(image, user=collection.owner)
    again = put(collection)
    assert again.created
    with pytest.raises(Conflict):
        images.restore(image.pk, user=collection.owner)


def test_the_purge_waits_for_the_undo_time_and_removes_everything(collection, media):
    encoder = EncoderFactory()
    image = put(collection).image
    vector(image, encoder)
    JobEvent.objects.create(
        image=image, encoder=encoder, lease_token=uuid.uuid4(), kind="claimed", round=1, attempt=1, worker="w"
    )
    images.delete(image, user=collection.owner)
    assert images.purge_deleted() == 0
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    assert images.purge_deleted() == 1
    for model in (Image, Embedding, EmbeddingJob, ImageDigest, JobEvent):
        assert not model.objects.exists()
    assert kept(media) == []


def test_the_purge_keeps_an_original_that_another_row_needs(collection):
    image, other = put(collection).image, put(CollectionFactory()).image
    images.delete(image, user=collection.owner)
    Image.objects.filter(pk=image.pk).update(deleted_at=timezone.now() - timedelta(days=31))
    images.purge_deleted()
    assert images.file_path(other).exists()
    assert images.thumbnail_path(other, 320).exists()
    assert not images.thumbnail_path(image, 320).exists()


def test_the_purge_empties_deleted_collections(collection):
    images.delete(put(collection).image, user=collection.owner)
    put(collection, seed=1)
    Collection.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    images.purge_deleted()
    assert not Image.objects.exists()
    assert not Collection.objects.exists()
    assert usage(collection.owner) == (0, 0)


def test_a_picture_for_a_collection_that_was_just_deleted_is_not_kept(collection, media):
    place = store.Place(collection, collection.owner)
    Collection.objects.update(deleted_at=timezone.now())
    picture = store.NewPicture(sample(), "0" * 64, images.sandbox.upload(sample()))
    with pytest.raises(NotFound):
        store.save([picture], place=place)
    assert kept(media) == []


def test_a_failed_picture_is_tried_again(collection):
    EncoderFactory()
    image = put(collection).image
    EmbeddingJob.objects.update(state=JobState.FAILED, error_code="x", attempts=3)
    assert images.get(image.pk, user=collection.owner).status == "failed"
    images.retry(image, user=collection.owner)
    assert EmbeddingJob.objects.get().state == JobState.PENDING
    assert jobs.more_due()


def together(*acts):
    """Run each act in a thread of its own, all from the same moment on; returns results or exceptions."""
    gate = threading.Barrier(len(acts))

    def run(act):
        gate.wait()
        try:
            return act()
        except (RetrievalError, IntegrityError) as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


@pytest.fixture
def patient(monkeypatch):
    """Nobody is refused for the decoders' line, which is not what is raced for."""
    monkeypatch.setattr(askers, "waiting", lambda user: Asker.behind(user.pk))


@pytest.mark.usefixtures("patient")
@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_at_the_same_moment_make_one_picture():
    collection = CollectionFactory()
    results = together(*[lambda: put(collection)] * 6)
    assert sorted(result.created for result in results) == [False] * 5 + [True]
    assert len({result.image.pk for result in results}) == 1
    assert Image.objects.count() == usage(collection.owner)[0] == 1
    assert images.thumbnail_path(results[0].image, 320).exists()


@pytest.mark.usefixtures("patient")
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_table_itself_refuses_a_second_copy(monkeypatch):
    monkeypatch.setattr(store, "lock", lambda _: None)
    collection = CollectionFactory()
    results = together(*[lambda: put(collection)] * 6)
    assert Image.objects.count() == 1
    assert any(isinstance(result, Exception) for result in results) or sum(r.created for r in results) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.django_db(transaction=True)
def test_counters_are_exact_under_races(settings):
    limited(settings, user_images=4)
    collection = CollectionFactory()
    results = together(*[lambda seed=seed: put(collection, seed=seed) for seed in range(8)])
    assert sum(isinstance(result, TooMany) for result in results) == 4
    rows = Image.objects.all()
    assert usage(collection.owner) == (4, sum(row.bytes for row in rows))
    together(*[lambda row=row: images.delete(row, user=collection.owner) for row in rows for _ in range(2)])
    Image.objects.exclude(deleted_at=None).update(deleted_at=timezone.now() - timedelta(days=31))
    together(*[images.purge_deleted] * 3)
    assert usage(collection.owner) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_an_original_is_not_purged_while_a_new_row_comes_to_need_it(monkeypatch):
    old = CollectionFactory()
    image = put(old).image
    images.delete(image, user=old.owner)
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    new = CollectionFactory()
    inserted, go_on = threading.Event(), threading.Event()
    place = files.place

    def slow_place(staged):
        place(staged)
        inserted.set()
        go_on.wait(5)

    monkeypatch.setattr(files, "place", slow_place)

    def purge():
        inserted.wait(5)
        threading.Timer(0.3, go_on.set).start()
        return images.purge_deleted()

    added, purged = together(lambda: put(new), purge)
    assert purged == 1
    assert images.file_path(added.image).exists()


def test_locks_are_free_after_the_transaction():
    with transaction.atomic():
        store.lock(["f" * 64, "0" * 64, "f" * 64])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            assert cursor.fetchone()[0] >= 2


def test_large_pictures_have_both_thumbnails(collection):
    image = put(collection, data=encoded(scene(1600, 900), "JPEG")).image
    assert [Pictures.open(images.thumbnail_path(image, size)).size for size in (320, 1280)] == [(320, 180), (1280, 720)]


@pytest.mark.django_db(transaction=True)
def test_a_large_collection_is_marked_alone_and_purged_in_batches(collection, monkeypatch):
    """No picture of it is touched by the request; it is gone for everybody all the same, and every counter is right."""
    monkeypatch.setattr(collections, "MARKED_AT_ONCE", 2)
    monkeypatch.setattr(purging, "BATCH", 2)
    for number in range(5):
        put(collection, seed=number)
    kept = put(CollectionFactory(owner=collection.owner), seed=9).image
    before = set(Image.objects.values_list("pk", "updated_at", "deleted_at"))
    collections.delete(collection, user=collection.owner)
    assert set(Image.objects.values_list("pk", "updated_at", "deleted_at")) == before
    assert list(images.listing(collection.owner, filters=ImageFilters())) == [kept]
    assert images.purge_deleted() == 0
    Collection.objects.filter(pk=collection.pk).update(deleted_at=timezone.now() - timedelta(days=31))
    assert purging.more_to_purge()
    assert images.purge_deleted(seconds=0) == 0
    assert images.purge_deleted() == 5
    assert not purging.more_to_purge()
    assert not Collection.objects.filter(pk=collection.pk).exists()
    assert usage(collection.owner) == (1, kept.bytes)
