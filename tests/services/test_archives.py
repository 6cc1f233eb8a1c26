"""Archives end to end: every member becomes a picture, a known one or an issue, and a restart goes on."""

from __future__ import annotations

import dataclasses
import io
import uuid
import zipfile
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from django.utils import timezone

from retrieval import conf
from retrieval.errors import Forbidden, InvalidInput, NotFound, StorageFull, TooLarge, UnsupportedPicture
from retrieval.ingest import sandbox, store
from retrieval.models import ArchiveImport, EmbeddingJob, Image, ImportIssue
from retrieval.services.images import archives, imports, leftovers
from retrieval.services.operations import long_work
from retrieval.work import ProgressWriter, long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def incoming(settings, tmp_path):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    return conf.get().incoming


@pytest.fixture
def collection():
    return CollectionFactory()


def zipped(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return io.BytesIO(out.getvalue())


def pictures(count):
    return [(f"{n}.jpg", sample("JPEG", seed=n)) for n in range(count)]


def started(collection, *members):
    return archives.start(zipped(*members), name="a.zip", user=collection.owner, collection=collection)


def run(job):
    return long_jobs.run(archives.KIND, job.pk)


def ran(job):
    run(job)
    job.refresh_from_db()
    return job


def waiting():
    return long_jobs.next_up(archives.KIND)


def numbers(job):
    return job.state, job.total, job.done, job.failed, job.skipped


def test_every_member_has_its_end(collection, incoming):
    EncoderFactory()
    twice = pictures(1)[0][1]
    job = started(collection, *pictures(2), ("copy.jpg", twice), ("no.jpg", b"no picture"), ("../x.jpg", twice))
    assert numbers(job) == ("queued", 5, 0, 0, 0)
    assert numbers(ran(job)) == ("done", 5, 2, 2, 1)
    refused = dict(job.issues.values_list("name", "code"))
    assert refused == {"no.jpg": "text_not_read", "../x.jpg": "unsafe_name"}
    assert sorted(Image.objects.values_list("title", flat=True)) == ["0", "1"]
    assert set(EmbeddingJob.objects.values_list("priority", flat=True)) == {imports.PRIORITY_BULK}
    assert list(incoming.iterdir()) == []
    assert job.file == ""
    assert job.finished_at


def test_a_second_run_does_nothing(collection):
    job = ran(started(collection, *pictures(1)))
    before = numbers(job)
    assert numbers(ran(job)) == before
    assert not long_jobs.run(archives.KIND, uuid.uuid4())


def test_known_pictures_are_skipped_and_not_kept_twice(collection):
    ran(started(collection, *pictures(2)))
    assert numbers(ran(started(collection, *pictures(3)))) == ("done", 3, 1, 0, 2)
    assert Image.objects.count() == 3


class CrashError(BaseException):
    """Stands for the worker being killed."""


def test_after_a_crash_it_goes_on_where_it_stopped(collection, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    job = started(collection, *pictures(5), ("no.jpg", b"no picture"))
    finish, calls = imports.finish, []

    def killed_at_the_second(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise CrashError
        return finish(*args, **kwargs)

    monkeypatch.setattr(imports, "finish", killed_at_the_second)
    with pytest.raises(CrashError):
        run(job)
    job.refresh_from_db()
    assert (job.state, job.position, job.done) == ("running", 2, 2)
    assert waiting() == []
    ArchiveImport.objects.update(worker="", heartbeat_at=None)  # its process is gone
    assert waiting() == [job.pk]
    assert numbers(ran(job)) == ("done", 6, 5, 1, 0)
    assert ImportIssue.objects.count() == 1


def test_progress_and_pictures_are_one_commit(collection, monkeypatch):
    def crash(*_, **__):
        raise CrashError

    job = started(collection, *pictures(2))
    monkeypatch.setattr(archives, "_count", crash)
    with pytest.raises(CrashError):
        run(job)
    assert Image.objects.count() == 0


def test_a_worker_that_lost_it_keeps_nothing(collection, monkeypatch):
    job, real = started(collection, *pictures(2)), imports.finish

    def lost(*args, **named):
        ArchiveImport.objects.update(lease_token=uuid.uuid4())
        return real(*args, **named)

    monkeypatch.setattr(imports, "finish", lost)
    run(job)
    assert Image.objects.count() == 0


def test_one_that_kills_its_worker_at_the_same_place_is_not_begun_for_ever(collection, monkeypatch):
    """Each batch that is in forgets the attempts; at the one that is never in they are counted."""

    def killed(*_, **__):
        raise CrashError

    monkeypatch.setattr(imports, "finish", killed)
    job = started(collection, *pictures(2))
    for _ in range(long_jobs.ATTEMPTS):
        with pytest.raises(CrashError):
            run(job)
        ArchiveImport.objects.update(worker="", heartbeat_at=None)
    assert not run(job)
    job.refresh_from_db()
    assert (job.state, job.error_code, waiting()) == ("failed", "worker_ended", [])


def test_a_full_disk_leaves_the_import_to_go_on(collection, monkeypatch):
    def full(*_, **__):
        raise StorageFull("No room.")

    job = started(collection, *pictures(2))
    monkeypatch.setattr(store, "save", full)
    assert not run(job)
    monkeypatch.undo()
    assert waiting() == [job.pk]


def test_one_that_was_stopped_goes_on_where_it_was(collection, monkeypatch, incoming):
    monkeypatch.setattr(imports, "BATCH", 1)
    job = started(collection, *pictures(3))
    lose_after_the_first(monkeypatch, job, lambda job: long_work.cancel(job, user=job.user))
    assert numbers(ran(job)) == ("cancelled", 3, 1, 0, 0)
    monkeypatch.undo()
    job.refresh_from_db()
    long_work.resume(job, user=job.user)
    assert numbers(ran(job)) == ("done", 3, 3, 0, 0)


def test_an_archive_that_ended_early_is_kept_for_a_day(collection, incoming, monkeypatch):
    job = started(collection, *pictures(1))
    long_work.cancel(job, user=job.user)
    monkeypatch.setattr(leftovers, "AGE", -1)
    leftovers.sweep()
    assert archives.archive_of(job).is_file()
    ArchiveImport.objects.update(finished_at=timezone.now() - archives.KEPT)
    leftovers.sweep()
    assert list(incoming.iterdir()) == []
    job.refresh_from_db()
    with pytest.raises(NotFound):
        long_work.resume(job, user=job.user)


def test_a_used_up_quota_ends_the_import_with_its_reason(collection, settings):
    limits = dataclasses.replace(conf.get().limits, user_images=1)
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), limits=limits)
    job = ran(started(collection, *pictures(2)))
    assert (job.state, job.error_code) == ("failed", "quota_exceeded")


def test_a_missing_archive_ends_the_import(collection, incoming):
    job = started(collection, *pictures(1))
    (incoming / job.file).unlink()
    assert ran(job).error_code == "archive_missing"


@pytest.mark.parametrize(("data", "error"), [(b"no archive", UnsupportedPicture), (b"x" * 3000, TooLarge)])
def test_what_is_no_archive_is_refused_at_once_and_not_kept(collection, incoming, settings, data, error):
    limits = dataclasses.replace(conf.get().limits, archive_bytes=2000)
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), limits=limits)
    with pytest.raises(error):
        archives.start(io.BytesIO(data), name="a.zip", user=collection.owner, collection=collection)
    assert list(incoming.iterdir()) == []
    assert not ArchiveImport.objects.exists()


def test_rights(collection):
    started(collection, *pictures(1))
    with pytest.raises(NotFound):
        archives.start(zipped(), name="a.zip", user=UserFactory(), collection=collection)
    collection.visibility = "shared"
    collection.save()
    viewer = UserFactory()
    collection.memberships.create(user=viewer, role="viewer")
    with pytest.raises(Forbidden):
        archives.start(zipped(), name="a.zip", user=viewer, collection=collection)


LOSING = {
    "taken out": lambda job: job.collection.memberships.all().delete(),
    "a viewer now": lambda job: job.collection.memberships.update(role="viewer"),
    "made private": lambda job: type(job.collection).objects.update(visibility="private"),
    "deactivated": lambda job: type(job.user).objects.filter(pk=job.user_id).update(is_active=False),
    "collection deleted": lambda job: type(job.collection).objects.update(deleted_at=timezone.now()),
}


@pytest.fixture
def handed_in(monkeypatch):
    """An archive of three batches, handed in by a contributor."""
    monkeypatch.setattr(imports, "BATCH", 1)
    shared, helper = CollectionFactory(visibility="shared"), UserFactory()
    shared.memberships.create(user=helper, role="contributor")
    return archives.start(zipped(*pictures(3)), name="a.zip", user=helper, collection=shared)


def lose_after_the_first(monkeypatch, job, losing):
    """Take the right away as soon as one batch is in."""
    real = archives._count

    def count_and_lose(outcomes, **named):
        real(outcomes, **named)
        losing(job)

    monkeypatch.setattr(archives, "_count", count_and_lose)


@pytest.mark.parametrize("losing", LOSING.values(), ids=LOSING)
def test_it_ends_with_its_persons_rights_and_what_is_in_stays(handed_in, monkeypatch, losing):
    lose_after_the_first(monkeypatch, handed_in, losing)
    job = ran(handed_in)
    assert (job.state, job.done, Image.objects.count()) == ("failed", 1, 1)
    assert job.error_code in {"not_found", "forbidden", "account_closed"}
    assert not waiting()


@pytest.mark.parametrize("losing", LOSING.values(), ids=LOSING)
def test_it_does_not_begin_without_them(handed_in, losing):
    losing(handed_in)
    job = ran(handed_in)
    assert (job.state, job.done, Image.objects.count()) == ("failed", 0, 0)


def test_where_nobody_asks_before_each_batch_it_goes_on(handed_in, monkeypatch):
    lose_after_the_first(monkeypatch, handed_in, LOSING["deactivated"])
    monkeypatch.setattr(archives.collections, "acting", lambda *_, **__: None)
    job = ran(handed_in)
    assert (job.state, job.done) == ("done", 3)


@pytest.fixture
def decoded(monkeypatch):
    """The files that are decoded, in their order; a turn is over once ``turn`` of them are."""
    real, found = sandbox.begin_upload, SimpleNamespace(files=[], turn=None)

    def begun(data, *, part, asker):
        found.files.append(data)
        return real(data, asker=asker)

    def at_once(data, *, part, asker):
        """As with one decoder: whoever comes after the end of the turn has not begun by then."""
        future = Future()
        if found.turn is None or len(found.files) < found.turn:
            found.files.append(data)
            try:
                future.set_result(sandbox.upload(data))
            except UnsupportedPicture as error:
                future.set_exception(error)
            asker.charge(1)
        return future

    monkeypatch.setattr(sandbox, "begin_upload", begun)
    found.end_after = lambda turn: (
        setattr(found, "turn", turn),
        monkeypatch.setattr(sandbox, "begin_upload", at_once),
        monkeypatch.setattr(archives, "TURN_SECONDS", -1),
        monkeypatch.setattr(archives, "WAKE_SECONDS", 0.01),
    )
    return found


def test_a_turn_ends_in_the_midst_of_a_batch_and_nothing_is_decoded_twice(collection, decoded, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 4)
    members = [*pictures(6), ("no.jpg", b"no picture")]
    job = started(collection, *members)
    decoded.end_after(3)
    assert run(job)
    job.refresh_from_db()
    assert (job.state, job.position, job.done) == ("queued", 3, 3)
    assert waiting() == [job.pk]
    decoded.end_after(None)
    assert numbers(ran(job)) == ("done", 7, 6, 1, 0)
    assert decoded.files == [data for _, data in members]


def test_what_is_known_behind_the_cut_is_not_passed_over(collection, decoded, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    ran(started(collection, *pictures(4)[2:]))
    job = started(collection, *pictures(4))
    decoded.files.clear()
    decoded.end_after(1)
    run(job)
    job.refresh_from_db()
    assert (job.position, job.done, job.skipped) == (1, 1, 0)


def test_of_one_person_one_archive_at_a_time_and_others_meanwhile(collection):
    first, second = started(collection, *pictures(1)), started(collection, *pictures(2))
    other = started(CollectionFactory(), *pictures(1))
    assert long_jobs.claim(archives.KIND, first.pk)
    assert waiting() == [other.pk]
    assert not run(second)
    assert ran(other).state == "done"


def test_an_archive_whose_pictures_take_too_long_ends_with_its_reason(collection, settings, decoded, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    limits = dataclasses.replace(conf.get().limits, archive_decode_seconds=2)
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), limits=limits)
    job = started(collection, *pictures(9))
    decoded.end_after(3)
    ran(job)
    assert (job.state, job.error_code, job.done, job.decode_seconds) == ("failed", "archive_too_slow", 2, 3)
    assert waiting() == []


def test_it_shows_signs_of_life_while_pictures_are_waited_for(collection, decoded, monkeypatch):
    job = started(collection, *pictures(1))
    future, noted = Future(), []

    def note(progress, **fields):
        noted.append(fields)
        if len(noted) == 3 and not future.done():
            future.set_exception(UnsupportedPicture("No.", code="decoder_timeout"))
        return real(progress, **fields)

    real = ProgressWriter.note
    monkeypatch.setattr(archives, "WAKE_SECONDS", 0.01)
    monkeypatch.setattr(ProgressWriter, "note", note)
    monkeypatch.setattr(sandbox, "begin_upload", lambda data, part, asker: future)
    assert numbers(ran(job)) == ("done", 1, 0, 1, 0)
    assert len(noted) > 3


def told(*rows):
    return ("top/metadata.csv", "\n".join(["file_name,title,tags,group_key", *rows]).encode())


def test_a_table_in_an_archive_tells_of_its_pictures(collection):
    (_, first), (_, second) = pictures(2)
    members = [("top/a.jpg", first), told("in/b.jpg,Second,x,pair", "a.jpg,,,pair"), ("top/in/b.jpg", second)]
    assert numbers(ran(started(collection, *members))) == ("done", 2, 2, 0, 0)
    rows = Image.objects.order_by("title").values_list("title", "tags", "group_key")
    assert list(rows) == [("Second", ["x"], "pair"), ("a", [], "pair")]


@pytest.mark.parametrize("row", ["gone.jpg,,,g", f"a.jpg,,,{'g' * 201}", "a.jpg"])
def test_a_table_that_does_not_fit_is_refused_before_anything_is_kept(collection, incoming, row):
    with pytest.raises(InvalidInput, match="table"):
        started(collection, ("top/a.jpg", pictures(1)[0][1]), told(row))
    assert not ArchiveImport.objects.exists()
    assert not list(incoming.glob("*.zip"))


def test_a_damaged_table_is_refused(collection):
    data = bytearray(zipped(("a.jpg", b"x"), ("metadata.csv", b"file_name,title\na.jpg,letters")).getvalue())
    at = data.index(b"letters")
    data[at] ^= 1
    with pytest.raises(UnsupportedPicture, match="damaged"):
        archives.start(io.BytesIO(bytes(data)), name="a.zip", user=collection.owner, collection=collection)
