"""What a broken-off upload leaves goes by itself; any other file without a row stays for its operator."""

from __future__ import annotations

import dataclasses
import os
import threading
import time

import pytest

from retrieval import conf, tasks
from retrieval.ingest import files, store
from retrieval.models import Image
from retrieval.services.images import leftovers, purging
from retrieval.services.operations import audit
from tests.factories import CollectionFactory, EncoderFactory
from tests.ingest.pictures import sample
from tests.services.test_crashes import put
from tests.services.test_images import together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    return tmp_path / "media"


@pytest.fixture
def collection():
    EncoderFactory(dimension=3)
    return CollectionFactory()


class KilledError(BaseException):
    """Stands for the end of the process: nothing is tidied up after it."""


def kill_at(collection, monkeypatch, name, *, data):
    """Put a picture in and die right after one act; what ``finally`` would take away stays, as after a real end."""
    room = store if name == "_insert" else files
    act = getattr(room, name)

    def last(*args, **kwargs):
        act(*args, **kwargs)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "unlink", lambda *_, **__: None)
        patch.setattr(room, name, last)
        with pytest.raises(KilledError):
            put(collection, data)


def aged(media, seconds=leftovers.AGE + 60):
    """Make every file that old; return them."""
    found = [path for path in media.rglob("*") if path.is_file()]
    for path in found:
        os.utime(path, (time.time() - seconds, time.time() - seconds))
    return found


def there(media):
    """Every file of the media folder."""
    return {path for path in media.rglob("*") if path.is_file()}


def findings():
    """What the audit names."""
    return {finding.code for check in audit.checks() for finding in check.run()}


def test_a_kill_before_the_commit_leaves_files_that_go_by_themselves(collection, media, monkeypatch):
    kill_at(collection, monkeypatch, "_insert", data=sample(seed=1))
    kill_at(collection, monkeypatch, "place", data=sample(seed=2))
    left = aged(media, seconds=audit.audit_files.GRACE + 60)
    assert len([path for path in left if "incoming" not in path.parts]) > 1
    assert findings() == {"stray_original", "stray_thumbnail", "old_temporary_file"}
    tasks.purge()
    assert there(media) == set()
    assert findings() == set()


def test_what_is_on_its_way_is_left_in_peace(collection, media, monkeypatch):
    kill_at(collection, monkeypatch, "place", data=sample(seed=1))
    aged(media, seconds=leftovers.AGE - 60)
    before = there(media)
    assert leftovers.sweep() == 0
    assert there(media) == before


def test_a_kill_after_the_commit_costs_no_file(collection, media, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "unlink", lambda *_, **__: None)
        put(collection)
    aged(media)
    assert leftovers.sweep() > 0
    image = Image.objects.get()
    assert files.original(image.sha256).is_file()
    assert all(files.thumbnail(image.pk, image.sha256, size=size).is_file() for size in conf.get().thumbnail_sizes)
    assert not list((media / "incoming").iterdir())


def test_an_original_that_another_picture_needs_stays(collection, media, monkeypatch):
    put(collection)
    other = CollectionFactory(owner=collection.owner)
    kill_at(other, monkeypatch, "place", data=sample())
    aged(media)
    leftovers.sweep()
    image = Image.objects.get()
    assert there(media) == {
        files.original(image.sha256),
        *(files.thumbnail(image.pk, image.sha256, size=size) for size in conf.get().thumbnail_sizes),
    }


def test_an_original_whose_row_is_lost_stays(collection, media):
    put(collection)
    kept = there(media)
    Image.objects.all().delete()
    aged(media, seconds=10 * leftovers.AGE)
    leftovers.sweep()
    assert there(media) == kept


def test_nothing_goes_while_a_backup_reads(collection, media, monkeypatch):
    kill_at(collection, monkeypatch, "place", data=sample(seed=1))
    aged(media)
    before = there(media)
    monkeypatch.setattr(purging, "may_purge", lambda: False)
    assert leftovers.sweep() == 0
    assert there(media) == before


@pytest.mark.django_db(transaction=True)
def test_an_original_that_is_being_put_in_place_again_stays(collection, media, monkeypatch):
    kill_at(collection, monkeypatch, "place", data=sample(seed=1))
    aged(media)
    placed, go_on, place = threading.Event(), threading.Event(), files.place

    def slow_place(staged):
        place(staged)
        placed.set()
        go_on.wait(5)

    monkeypatch.setattr(files, "place", slow_place)

    def sweep():
        placed.wait(5)
        threading.Timer(0.3, go_on.set).start()
        return leftovers.sweep()

    added, swept = together(lambda: put(collection, sample(seed=1)), sweep)
    assert swept > 0
    assert files.original(added.image.sha256).is_file()
