"""Sources: which may be made, what a reading takes in, what it leaves, and what its time puts into the trash."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from uuid6 import uuid7

from imagesearch import env
from retrieval import conf, tasks
from retrieval.errors import AdministratorsOnly, Forbidden, InvalidInput, NotFound
from retrieval.models import (
    Alert,
    AuditEvent,
    Concept,
    ConceptExample,
    CopyDecision,
    EmbeddingJob,
    Favourite,
    Image,
    Judgement,
    Membership,
    Source,
    SourceFile,
    SourceImage,
    Watch,
)
from retrieval.services.images import images
from retrieval.services.operations import upkeep
from retrieval.services.sources import folders, keeping, reading, sources
from retrieval.services.sources.sources import SourceRequest
from retrieval.work import messages
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db

OLD = 1_600_000_000  # when the files of a folder were changed last, unless a test says otherwise


@pytest.fixture(autouse=True)
def a_reading_is_one_turn(monkeypatch):
    """On a slow machine a turn would be over in the midst of a folder; what tests turns makes its own."""
    monkeypatch.setattr(reading, "TURN_SECONDS", 3600.0)


@pytest.fixture
def shelf(settings, tmp_path):
    """A folder that the operator has opened, beside a data folder that nobody may read."""
    opened = tmp_path / "shelf"
    for folder in (opened, tmp_path / "data"):
        folder.mkdir()
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path / "data", source_folders=(opened,))
    return opened


@pytest.fixture
def collection(db):
    return CollectionFactory(owner=UserFactory(is_staff=True, is_superuser=True), visibility="shared")


def put(folder, name, data, *, changed=OLD):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (changed, changed))
    return path


def made(collection, place, *, user=None, **more):
    wanted = SourceRequest(**{"name": "Shelf", "kind": "folder", "place": str(place), **more})
    return sources.make(collection, user=user or collection.owner, wanted=wanted)


def ran(source):
    """Read it, be it due or not, and return the row after that."""
    Source.objects.filter(pk=source.pk).update(due_at=timezone.now())
    reading.read(reading.claim())
    source.refresh_from_db()
    return source


def counts(source):
    return source.taken, source.known, source.refused


def test_a_folder_is_read_and_what_is_unchanged_is_not_opened_again(shelf, collection, monkeypatch):
    EncoderFactory()
    put(shelf, "a/1.jpg", sample("JPEG", seed=1))
    put(shelf, "2.jpg", sample("JPEG", seed=2))
    put(shelf, "copy.jpg", sample("JPEG", seed=2))
    put(shelf, "note.txt", b"no picture")
    put(shelf, ".hidden.jpg", sample("JPEG", seed=3))
    source = ran(made(collection, shelf))
    assert (counts(source), source.error_code, source.worker) == ((2, 1, 1), "", "")
    assert [(each["name"], each["code"]) for each in source.refusals] == [("note.txt", "text_not_read")]
    assert set(Image.objects.values_list("path", "uploader")) == {
        (name, collection.owner_id) for name in ("2.jpg", "a/1.jpg")
    }
    assert EmbeddingJob.objects.count() == SourceImage.objects.filter(source=source).count() == 2
    assert source.due_at > timezone.now() + timedelta(minutes=59)
    opened = []
    monkeypatch.setattr(folders, "_bytes", lambda path, within: opened.append(path.name) or sample("JPEG", seed=4))
    put(shelf, "2.jpg", sample("JPEG", seed=4), changed=OLD + 1)
    (shelf / "copy.jpg").unlink()
    assert counts(ran(source)) == (3, 1, 1)
    assert opened == ["2.jpg"]
    assert SourceFile.objects.count() == 3


@pytest.mark.parametrize(
    "place", ["elsewhere", "shelf/../elsewhere", "shelf/out", "data", "data/media", ".", "relative"]
)
def test_only_folders_below_those_that_are_opened_may_be_read(shelf, collection, place):
    (shelf.parent / "elsewhere").mkdir()
    (shelf / "out").symlink_to(shelf.parent / "elsewhere")
    where = place if place == "relative" else os.path.join(shelf.parent, place)
    with pytest.raises(InvalidInput) as refused:
        made(collection, where)
    assert (refused.value.code, list(refused.value.fields)) == ("folder_not_allowed", ["place"])


def test_the_data_folder_is_not_read_whatever_is_opened(shelf, collection, settings):
    settings.IMAGESEARCH = replace(conf.get(), source_folders=(shelf.parent,))
    for place in ("data", "."):
        with pytest.raises(InvalidInput, match="none of the folders"):
            made(collection, os.path.join(shelf.parent, place))
    assert made(collection, shelf).place == str(shelf)


def test_a_folder_takes_the_right_of_staff_when_it_is_made_and_when_it_is_read(shelf, collection):
    person = UserFactory()
    Membership.objects.create(collection=collection, user=person, role="manager")
    with pytest.raises(AdministratorsOnly):
        made(collection, shelf.parent / "nowhere", user=person)  # nothing is told of what is there
    person.is_staff = True
    person.save()
    person.user_permissions.add(Permission.objects.get(codename="add_source"))
    person = type(person).objects.get(pk=person.pk)
    source = made(collection, shelf, user=person)
    put(shelf, "1.jpg", sample("JPEG"))
    person.user_permissions.clear()
    assert ran(source).error_code == "forbidden"
    assert (counts(source), source.failures) == ((0, 0, 0), 1)
    person.user_permissions.add(Permission.objects.get(codename="add_source"))
    Membership.objects.all().delete()
    assert ran(source).failures == 2
    assert not Image.objects.exists()


def test_links_are_not_followed_out_of_the_folder(shelf, collection):
    secret = put(shelf.parent / "elsewhere", "secret.jpg", sample("JPEG"))
    (shelf / "file.jpg").symlink_to(secret)
    (shelf / "folder").symlink_to(secret.parent)
    source = ran(made(collection, shelf))
    assert counts(source) == (0, 0, 2)
    assert {each["code"] for each in source.refusals} == {"unreadable_file"}
    assert not Image.objects.exists()


def test_a_folder_that_becomes_a_link_after_it_was_listed_leads_nowhere(shelf):
    put(shelf.parent / "elsewhere", "1.jpg", sample("JPEG"))
    (shelf / "a").symlink_to(shelf.parent / "elsewhere")
    assert folders.read(folders.Found("a/1.jpg", 0), shelf).error.code == "unreadable_file"
    put(shelf, "b/1.jpg", sample("JPEG"))
    assert folders.read(folders.Found("b/1.jpg", 0), shelf).data == sample("JPEG")


def test_without_the_look_where_a_file_lies_a_link_leads_out(shelf, monkeypatch):
    secret = put(shelf.parent / "elsewhere", "1.jpg", sample("JPEG"))
    (shelf / "a").symlink_to(secret.parent)
    monkeypatch.setattr(folders.Path, "is_relative_to", lambda there, within: True)
    assert folders.read(folders.Found("a/1.jpg", 0), shelf).data == secret.read_bytes()


def test_a_file_that_may_still_be_written_waits(shelf, collection):
    now = timezone.now().timestamp()
    put(shelf, "1.jpg", sample("JPEG"), changed=now)
    source = ran(made(collection, shelf))
    assert counts(source) == (0, 0, 0)
    assert source.due_at < timezone.now() + timedelta(minutes=2)
    put(shelf, "1.jpg", sample("JPEG"), changed=now - 60)
    assert counts(ran(source)) == (1, 0, 0)


def test_a_turn_that_is_over_goes_on_where_it_was(shelf, collection, monkeypatch):
    monkeypatch.setattr("retrieval.services.images.imports.BATCH", 1)
    for n in range(4):
        put(shelf, f"{n}.jpg", sample("JPEG", seed=n))
    source = made(collection, shelf)
    monkeypatch.setattr(reading, "TURN_SECONDS", 0.0)
    assert ran(source).taken < 4
    assert source.last_read_at is None
    assert source.due_at <= timezone.now()
    monkeypatch.setattr(reading, "TURN_SECONDS", 3600.0)
    assert counts(ran(source)) == (4, 0, 0)


def test_a_source_that_fails_waits_longer_each_time_and_says_why(shelf, collection):
    source = made(collection, shelf)
    shelf.rmdir()
    waits = []
    for _ in range(7):
        assert ran(source).error_code == "folder_missing"
        waits.append(round((source.due_at - timezone.now()).total_seconds() / 3600))
    assert waits == [2, 4, 8, 16, 24, 24, 24]
    shelf.mkdir()
    assert ran(source).failures == 0
    assert source.error_text == ""


def test_what_breaks_off_in_the_midst_is_written_down_and_takes_nothing_twice(shelf, collection, monkeypatch):
    monkeypatch.setattr("retrieval.services.images.imports.BATCH", 1)
    for n in range(3):
        put(shelf, f"{n}.jpg", sample("JPEG", seed=n))
    source, note_files = made(collection, shelf), reading._note_files

    def breaks_off(outcomes, *, reading):
        assert outcomes[0].name == "0.jpg"  # the second is kept by now, in a commit that never comes
        note_files(outcomes, reading=reading)

    monkeypatch.setattr(reading, "_note_files", breaks_off)
    with pytest.raises(AssertionError):
        ran(source)
    source.refresh_from_db()
    assert (source.error_code, source.failures, source.worker, reading._here) == ("unexpected", 1, "", set())
    assert list(Image.objects.values_list("path", flat=True)) == ["0.jpg"]
    monkeypatch.setattr(reading, "_note_files", note_files)
    assert counts(ran(source)) == (3, 0, 0)
    assert SourceFile.objects.count() == Image.objects.count() == 3


def test_one_reading_at_a_time_of_a_source_and_of_a_person(shelf, collection):
    first, second = made(collection, shelf), made(collection, shelf)
    other = made(CollectionFactory(owner=UserFactory(is_staff=True, is_superuser=True)), shelf, user=None)
    held = reading.claim()
    assert held == first
    assert reading.claim() == other
    assert reading.claim() is None
    reading._here.clear()  # as if both had been given up
    Source.objects.update(worker="elsewhere/x/1/1", heartbeat_at=timezone.now())
    assert reading.claim() is None
    Source.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=3))
    assert reading.claim() is not None
    reading._here.clear()
    assert second.pk


def test_a_reading_that_another_took_over_keeps_nothing(shelf, collection):
    put(shelf, "1.jpg", sample("JPEG"))
    source = made(collection, shelf)
    held = reading.claim()
    sources.change(source.pk, {"name": "Other"}, collection=collection, user=collection.owner)
    reading.read(held)
    assert not Image.objects.exists()
    assert counts(ran(source)) == (1, 0, 0)


def test_a_paused_one_is_read_only_when_asked(shelf, collection):
    source = made(collection, shelf, active=False)
    assert reading.claim() is None
    sources.read_now(source.pk, collection=collection, user=collection.owner)
    reading.read(reading.claim())
    assert reading.claim() is None
    source.refresh_from_db()
    assert source.last_read_at


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("kind", "ftp"), ("every_minutes", 0), ("every_minutes", 10_081), ("keep_days", 0),
     ("keep_days", 3_651), ("username", "x"), ("place", "/x\0")],
)  # fmt: skip
def test_what_is_out_of_bounds_is_named(shelf, collection, field, value):
    with pytest.raises(InvalidInput) as refused:
        made(collection, shelf, **{field: value}) if field != "place" else made(collection, value)
    assert list(refused.value.fields) == [field]


def test_who_may_see_and_change_sources(shelf, collection):
    source = made(collection, shelf)
    member = UserFactory()
    Membership.objects.create(collection=collection, user=member, role="contributor")
    for person, error in ((UserFactory(), NotFound), (member, Forbidden)):
        for call in (
            lambda person=person: sources.listing(collection, user=person),
            lambda person=person: sources.change(source.pk, {}, collection=collection, user=person),
            lambda person=person: sources.read_now(source.pk, collection=collection, user=person),
            lambda person=person: sources.remove(source.pk, collection=collection, user=person),
        ):
            with pytest.raises(error):
                call()
    with pytest.raises(NotFound):
        sources.get(source.pk, collection=CollectionFactory(owner=collection.owner), user=collection.owner)


def test_a_manager_may_stop_a_folder_but_not_point_it_elsewhere(shelf, collection):
    source = made(collection, shelf)
    person = UserFactory()
    Membership.objects.create(collection=collection, user=person, role="manager")
    change = lambda **given: sources.change(source.pk, given, collection=collection, user=person)  # noqa: E731
    assert not change(active=False).active
    for given in ({"active": True}, {"place": str(shelf / "x")}):
        with pytest.raises(AdministratorsOnly):
            change(**given)
    on_trail = AuditEvent.objects.filter(action__startswith="source.").order_by("id")
    assert list(on_trail.values_list("action", flat=True)) == ["source.made", "source.changed"]


def test_what_is_past_its_time_goes_but_for_what_a_person_touched(shelf, collection, monkeypatch):
    source, person = made(collection, shelf, keep_days=7), collection.owner
    for n in range(9):
        put(shelf, f"{n}.jpg", sample("JPEG", seed=n))
    ran(source)
    gone, tagged, liked, moved, back, judged, shown, decided, told = rows = list(Image.objects.order_by("path"))
    images.edit(tagged, user=person, changes=images.ImageChanges(tags=["mine"]))
    Favourite.objects.create(image=liked, user=person)
    images.move(moved, user=person, collection=CollectionFactory(owner=person))
    images.delete(back, user=person)
    images.restore(back.pk, user=person)
    Judgement.objects.create(query=judged, answer=moved, user=person, collection=collection, grade=2)
    concept = Concept.objects.create(user=person, name="Hat")
    ConceptExample.objects.create(image=shown, concept=concept, user=person, right=True)
    pair = sorted([decided.pk, moved.pk])
    CopyDecision.objects.create(one_id=pair[0], other_id=pair[1], user=person, decision="different")
    watch = Watch.objects.create(user=person, name="Hat", asked={})
    alert = {"watch": watch, "score": 1.0, "threshold": 0.9, "encoder": "x"}
    Alert.objects.create(id=uuid4(), image=told, verdict="right", **alert)
    Alert.objects.create(id=uuid4(), image=gone, **alert)
    assert keeping.expire(seconds=60) == 0  # nothing is old yet
    monkeypatch.setattr(keeping, "_first_id", lambda at, real=keeping._first_id: real(at + timedelta(days=8)))
    assert keeping.expire(seconds=60) == 1
    assert set(Image.objects.alive()) == set(rows) - {gone}
    assert not SourceImage.objects.exists()
    event = AuditEvent.objects.get(action="source.expired")
    assert (event.detail["count"], event.detail["images"], event.actor) == (1, [str(gone.pk)], None)
    assert images.restore(gone.pk, user=person)


def test_an_id_tells_when_its_row_was_made():
    before, made, after = timezone.now(), uuid7(), timezone.now() + timedelta(milliseconds=2)
    assert keeping._first_id(before) <= made < keeping._first_id(after)


def test_workers_for_long_work_read_what_is_due_and_wake_those_that_embed(shelf, collection, monkeypatch, settings):
    sent, put_away = [], []
    monkeypatch.setattr(messages, "send", lambda task, args=(): sent.append(task.name))
    monkeypatch.setattr(upkeep.keeping, "expire", lambda *, seconds: put_away.append(seconds))
    tasks.reconcile()
    assert "retrieval.tasks.read_sources" not in sent
    source = made(collection, shelf)
    tasks.reconcile()
    assert "retrieval.tasks.read_sources" in sent
    assert settings.CELERY_TASK_ROUTES["retrieval.tasks.read_sources"]["queue"] == "long"
    sent.clear()
    tasks.read_sources()
    source.refresh_from_db()
    assert source.last_read_at
    assert sent == ["retrieval.tasks.embed"]
    tasks.purge()
    assert put_away


def test_the_operators_list_is_of_whole_paths_outside_the_data(monkeypatch, tmp_path):
    monkeypatch.setenv("FOLDERS", "/srv/scans, /mnt/nas")
    assert env.folders("FOLDERS", apart_from=tmp_path) == (Path("/srv/scans"), Path("/mnt/nas"))
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for wrong in ("scans", str(tmp_path / "data"), str(tmp_path / "data" / "media"), str(tmp_path / "link")):
        monkeypatch.setenv("FOLDERS", wrong)
        with pytest.raises(env.BadVariable, match="FOLDERS must hold"):
            env.folders("FOLDERS", apart_from=tmp_path / "data")
