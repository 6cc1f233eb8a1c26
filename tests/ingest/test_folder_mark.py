"""The mark of the originals' folder: made once, found again, and missed on a host that sees another folder."""

from __future__ import annotations

import dataclasses

import pytest
from django.core.management import CommandError

from imagesearch.management.commands.prepare import prepare_folder
from retrieval import conf, tasks
from retrieval.errors import Unavailable
from retrieval.ingest import files, folder_mark
from retrieval.models import Heartbeat
from tests.factories import ImageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def host(settings, tmp_path):
    """Change to the host of this name, which has a data folder of its own; returns the file of its mark."""

    def change(name):
        settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path / name)
        return conf.get().originals.parent / "mark"

    return change


def put_original(image):
    path = files.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def refused():
    with pytest.raises(Unavailable) as caught:
        folder_mark.require()
    assert caught.value.code == "originals_elsewhere"
    return True


def test_a_mark_is_made_once_and_known_again(host):
    folder_mark.require()  # before anything is marked nothing is refused
    mark = host("a")
    folder_mark.settle()
    first = mark.read_text()
    folder_mark.settle()
    folder_mark.require()
    assert mark.read_text() == first == Heartbeat.objects.get().detail["mark"]


@pytest.mark.parametrize("filled", [True, False])
def test_a_host_that_does_not_see_the_originals_is_refused(host, filled):
    host("a")
    if filled:
        put_original(ImageFactory())
    folder_mark.settle()
    known = Heartbeat.objects.get().detail
    other = host("b")
    assert refused()
    with pytest.raises(CommandError, match=r"^IMAGESEARCH_DATA_DIR: .*/b is not the folder .* prepare --adopt-folder"):
        prepare_folder(adopt=False)
    assert not other.exists()
    assert Heartbeat.objects.get().detail == known
    host("a")
    folder_mark.require()


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_not_start_on_such_a_host(host):
    host("a")
    folder_mark.settle()
    tasks.require_originals()
    host("b")
    with pytest.raises(SystemExit, match=r"^The worker does not start: .*/b is not the folder"):
        tasks.require_originals()


def test_a_folder_that_was_restored_or_moved_is_marked_again(host):
    image = ImageFactory()
    host("a")
    put_original(image)
    folder_mark.settle()
    for left in ("", "another"):
        mark = host(f"b{left}")
        put_original(image)
        if left:
            mark.write_text(left)
        folder_mark.settle()
        folder_mark.require()
        assert mark.read_text() == Heartbeat.objects.get().detail["mark"]


def test_pictures_from_before_the_marks_must_be_there(host):
    image = ImageFactory()
    host("a")
    with pytest.raises(Unavailable):
        folder_mark.settle()
    put_original(image)
    folder_mark.settle()
    folder_mark.require()


def test_a_new_database_takes_the_mark_of_its_folder(host):
    mark = host("a")
    mark.parent.mkdir(parents=True)
    mark.write_text("known\n")
    folder_mark.settle()
    assert Heartbeat.objects.get().detail["mark"] == "known"
    assert mark.read_text() == "known\n"


def test_a_folder_can_be_adopted(host):
    host("a")
    folder_mark.settle()
    host("b")
    prepare_folder(adopt=True)
    folder_mark.require()
