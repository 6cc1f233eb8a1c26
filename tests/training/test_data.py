"""Reading pictures from a folder, a manifest and arrays; classes, groups and the digest."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InvalidInput, Unavailable
from retrieval.training import PictureSet, from_arrays, from_entries, listed
from retrieval.training.data import upright
from tests.training import make


def from_folder(path, *, side, read=upright, groups=False) -> PictureSet:
    return from_entries(listed(path, groups=groups), side=side, read=read)


def write(path, colour=(200, 30, 30), size=(50, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_folders_name_classes_and_an_underscore_none(tmp_path):
    for name in ("shop/shoes/a.png", "shop/hats/b.jpg", "shop/_/c.webp", "d.png"):
        write(tmp_path / name)
    (tmp_path / "shop" / "notes.txt").write_text("not a picture")
    found = from_folder(tmp_path, side=32)
    assert found.classes == ("shop/hats", "shop/shoes")
    assert found.labels.tolist() == [-1, -1, 0, 1]
    assert found.pixels.shape == (4, 32, 32, 3)
    assert np.abs(found.pixels[3].astype(int) - (200, 30, 30)).max() <= 2
    assert len(set(found.groups)) == 4


def test_with_groups_folders_mean_what_they_mean_to_an_evaluation(tmp_path):
    for name in ("dog/rex/1.png", "dog/rex/2.png", "dog/ada/3.png", "cat/4.png", "_/5.png", "6.png"):
        write(tmp_path / name)
    found = from_folder(tmp_path, side=16, groups=True)
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [-1, -1, 0, 1, 1, 1]  # 6, _/5, cat/4, dog/ada/3, dog/rex
    assert found.groups[4] == found.groups[5]
    assert len(set(found.groups)) == 5
    assert set(from_folder(tmp_path, side=16).classes) == {"cat", "dog/ada", "dog/rex"}


def test_a_picture_on_its_side_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn to the right
    picture = Image.new("RGB", (40, 20), (255, 255, 255))
    picture.paste((0, 0, 0), (0, 0, 20, 20))
    picture.save(tmp_path / "phone.png", exif=exif)
    pixels = from_folder(tmp_path, side=16).pixels[0]
    assert pixels[0].max() < 128 < pixels[-1].min()  # the dark left half is on top now


def test_whoever_reads_the_files_is_named_and_its_refusal_names_the_file(tmp_path):
    write(tmp_path / "a.png")

    def refuses(path):
        raise InvalidInput("No.")

    with pytest.raises(InvalidInput, match=r"None of the 1 pictures .*a\.png cannot be read as a picture: No\."):
        from_folder(tmp_path, side=16, read=refuses)


def test_where_reading_itself_does_not_work_no_picture_is_left_out(tmp_path):
    write(tmp_path / "a.png")

    def away(path):
        raise Unavailable("The decoder does not start.")

    with pytest.raises(Unavailable):
        from_folder(tmp_path, side=16, read=away)


def test_a_manifest_gives_labels_and_groups(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.png")
    (tmp_path / "list.csv").write_text("path,label,group\na.png,x,g\nb.png,,g\nc.png,y,\n")
    found = from_folder(tmp_path / "list.csv", side=16)
    assert found.classes == ("x", "y")
    assert found.labels.tolist() == [0, -1, 1]
    assert found.groups[0] == found.groups[1] != found.groups[2]


def test_a_manifest_without_labels_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("path\na.png\n")
    with pytest.raises(InvalidInput, match="lacks the column label"):
        listed(tmp_path / "list.csv")


@pytest.mark.parametrize("written", [None, b"\xff\xfe\x00broken"])
def test_a_manifest_that_cannot_be_read_is_one_sentence(tmp_path, written):
    if written is not None:
        (tmp_path / "list.csv").write_bytes(written)
    with pytest.raises(InvalidInput, match=r"list\.csv cannot be read"):
        listed(tmp_path / "list.csv")


@pytest.mark.parametrize("missing", [True, False])
def test_no_folder_or_an_empty_one_is_refused(tmp_path, missing):
    with pytest.raises(InvalidInput):
        from_folder(tmp_path / "none" if missing else tmp_path, side=16)


def test_an_unreadable_picture_is_left_out_and_named(tmp_path):
    """Labels and groups of the others stay with them; so does a file that a list names and that is not there."""
    for name in ("a/1.png", "c/3.png"):
        write(tmp_path / name, colour=(0, 0, 0))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "broken.png").write_bytes(b"not a picture")
    found = from_folder(tmp_path, side=16)
    assert [found.classes[label] for label in found.labels] == ["a", "c"]
    assert found.pixels.shape == (2, 16, 16, 3)
    assert len(found.left_out) == 1
    assert "broken.png" in found.left_out[0]
    assert found.at(np.array([0])).left_out == found.left_out
    (tmp_path / "list.csv").write_text("path,label,group\na/1.png,x,g\nlost.png,y,h\nc/3.png,x,g\n")
    of_list = from_folder(tmp_path / "list.csv", side=16)
    assert (of_list.labels.tolist(), of_list.groups.tolist(), len(of_list.left_out)) == ([0, 0], [0, 0], 1)


def test_links_to_folders_are_followed_but_not_in_a_circle(tmp_path):
    write(tmp_path / "elsewhere" / "1.png")
    write(tmp_path / "data" / "a" / "2.png")
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "a" / "up").symlink_to(tmp_path / "data")
    labels = {entry.path.name: entry.label for entry in listed(tmp_path / "data")}
    assert [entry.label for entry in listed(tmp_path / "data")] == ["a", "b", "c"]
    assert labels == {"1.png": "c", "2.png": "a"}


def test_scopes_part_classes_by_what_stands_before_their_name():
    pixels = [np.zeros((8, 8, 3), np.uint8)] * 4
    found = from_arrays(pixels, ["a/x", "b/x", "a/y", "z"], side=8)
    assert found.classes == ("a/x", "a/y", "b/x", "z")
    scopes = found.scopes.tolist()
    assert scopes[0] == scopes[1]
    assert len({scopes[0], scopes[2], scopes[3]}) == 3


def test_doubted_labels_are_taken_away_by_class_or_by_scope():
    pixels = [np.zeros((8, 8, 3), np.uint8)] * 3
    found = from_arrays(pixels, ["a/x", "b/x", "a/y"], side=8)
    assert found.without_labels(["a"]).labels.tolist() == [-1, 2, -1]
    assert found.without_labels(["a/y"]).labels.tolist() == [0, 2, -1]


def test_the_digest_changes_with_a_pixel_and_with_a_label():
    first, second, third = make.pictures(), make.pictures(), make.pictures()
    second.pixels[3, 4, 5, 0] ^= 1
    third.labels[0] = 2
    assert first.digest() == make.pictures().digest()
    assert len({first.digest(), second.digest(), third.digest()}) == 3


def test_pictures_that_do_not_fit_together_are_refused():
    good = make.pictures()
    with pytest.raises(InvalidInput, match="equally many"):
        PictureSet(good.pixels, good.labels[:3], good.groups, good.classes)
    with pytest.raises(InvalidInput, match=r"\(N, S, S, 3\)"):
        PictureSet(good.pixels[:, :8], good.labels, good.groups, good.classes)
