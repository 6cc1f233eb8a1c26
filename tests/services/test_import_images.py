"""``import_images``: a folder and all below it, once; refusals with reasons; stopped and gone on with."""

from __future__ import annotations

import dataclasses
import io
import os

import pytest
from django.core.management import CommandError, call_command

from retrieval import conf, tasks
from retrieval.models import Collection, EmbeddingJob, Image
from retrieval.services.images import imports
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path / "data")
    monkeypatch.setattr(tasks, "wake", lambda *_: None)


@pytest.fixture
def admin():
    return UserFactory(is_superuser=True)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    for seed, name in enumerate(["a.jpg", "deep/er/b.jpg", "deep/c.jpg"]):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample("JPEG", seed=seed))
    return root


def run(folder, name="Holidays", **options):
    out = io.StringIO()
    call_command("import_images", str(folder), collection=name, stdout=out, **options)
    return out.getvalue()


def test_a_folder_becomes_a_collection(folder, admin):
    EncoderFactory()
    assert run(folder).startswith("3 new, 0 known already, 0 refused")
    collection = Collection.objects.get(name="Holidays")
    assert collection.owner == admin
    assert sorted(Image.objects.values_list("title", flat=True)) == ["a", "b", "c"]
    assert EmbeddingJob.objects.count() == 3


def test_the_pictures_of_a_folder_become_a_group_where_that_is_asked_for(folder, admin):
    run(folder, group_by_folder=True)
    assert dict(Image.objects.values_list("title", "group_key")) == {"a": "", "b": "deep/er", "c": "deep"}


def test_a_table_says_more_than_the_folders(folder, admin, tmp_path):
    table = tmp_path / "said.csv"
    table.write_text("file_name,title,tags,group_key\ndeep/c.jpg,Sea,blue,g1\na.jpg,,,g1\n")
    run(folder, table=table, tag_by_folder=True, group_by_folder=True)
    rows = {title: (tags, group) for title, tags, group in Image.objects.values_list("title", "tags", "group_key")}
    assert rows == {"a": ([], "g1"), "b": (["deep", "er"], "deep/er"), "Sea": (["deep", "blue"], "g1")}


@pytest.mark.parametrize(("text", "told"), [("file_name,title\ngone.jpg,x", "gone.jpg"), ("title\nx", "file_name")])
def test_a_table_that_does_not_fit_is_refused_before_anything_is_read(folder, admin, tmp_path, text, told):
    table = tmp_path / "said.csv"
    table.write_text(text)
    with pytest.raises(CommandError, match=told):
        run(folder, table=table)
    with pytest.raises(CommandError, match="No such file"):
        run(folder, table=tmp_path / "none.csv")
    assert not Image.objects.exists()


def test_folders_become_tags_where_that_is_asked_for(folder, admin):
    run(folder, tag_by_folder=True)
    assert dict(Image.objects.values_list("title", "tags")) == {"a": [], "b": ["deep", "er"], "c": ["deep"]}


def test_a_folder_whose_name_is_no_tag_is_told(folder, admin):
    long = folder / ("x" * 101)
    long.mkdir()
    (folder / "a.jpg").rename(long / "a.jpg")
    text = run(folder, tag_by_folder=True)
    assert text.startswith("2 new, 0 known already, 1 refused")
    assert "1 x At most 100 tags" in text


def test_what_is_known_is_skipped(folder, admin):
    run(folder)
    (folder / "copy of a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "d.jpg").write_bytes(sample("JPEG", seed=9))
    assert run(folder).startswith("1 new, 4 known already, 0 refused")
    assert Image.objects.count() == 4


def test_refusals_have_reasons_and_names(folder, admin, settings):
    limits = dataclasses.replace(conf.get().limits, image_bytes=5000)
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), limits=limits)
    (folder / "notes.txt").write_text("no picture")
    (folder / "huge.jpg").write_bytes(b"x" * 6000)
    (folder / "film.mp4").write_bytes(b"\0\0\0\x14ftypisom" + bytes(6000))  # a video may be larger
    (folder / ".hidden.txt").write_text("left out")
    out = run(folder)
    assert out.startswith("3 new, 0 known already, 3 refused")
    assert "1 x This is text, not a picture." in out
    assert "huge.jpg: The file has more than" in out
    assert "film.mp4: The file has more than" not in out
    assert "hidden" not in out


def test_a_name_that_is_no_utf_8_is_spelt_out(folder, admin):
    (folder / os.fsdecode(b"bad \xff.txt")).write_text("no picture")
    (folder / "a.jpg").rename(folder / os.fsdecode(b"good \xff.jpg"))
    out = run(folder)
    out.encode()
    assert out.startswith("3 new, 0 known already, 1 refused")
    assert "bad \\udcff.txt: This is text" in out


@pytest.mark.parametrize("name", ["", " ", "x" * 201, os.fsdecode(b"\xff")])
def test_a_collection_that_cannot_be_is_one_sentence(folder, admin, name):
    with pytest.raises(CommandError, match=r"^--collection ") as caught:
        run(folder, name=name)
    str(caught.value).encode()
    assert not Collection.objects.exists()


def test_ctrl_c_keeps_what_was_done_and_the_next_run_goes_on(folder, admin, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 1)
    finish, calls = imports.finish, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return finish(*args, **kwargs)

    monkeypatch.setattr(imports, "finish", interrupted)
    with pytest.raises(CommandError) as caught:
        run(folder)
    assert caught.value.returncode == 130
    assert Image.objects.count() == 1
    monkeypatch.setattr(imports, "finish", finish)
    assert run(folder).startswith("2 new, 1 known already")


def test_a_used_up_quota_stops_with_a_sentence(folder, admin, settings):
    limits = dataclasses.replace(conf.get().limits, user_images=2)
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), limits=limits)
    with pytest.raises(CommandError, match="quota"):
        run(folder)


def test_who_and_where(folder, admin, tmp_path):
    other = CollectionFactory(name="Theirs")
    run(folder, name="Theirs", user=other.owner.username)
    assert Image.objects.filter(collection=other).count() == 3
    for options in ({"user": "nobody"}, {"name": "Twice"}):
        CollectionFactory.create_batch(2, name="Twice", owner=admin)
        with pytest.raises(CommandError):
            run(folder, **options)
    with pytest.raises(CommandError):
        run(tmp_path / "nowhere", name="Never made")
    assert not Collection.objects.filter(name="Never made").exists()
    UserFactory(is_superuser=True)
    with pytest.raises(CommandError, match="--user"):
        run(folder)
