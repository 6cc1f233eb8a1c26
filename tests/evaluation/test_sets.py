"""Labelled folders: classes, groups, what is passed over, and a digest that knows contents and not names."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import sets
from retrieval.evaluation.protocol import ALONE
from retrieval.evaluation.sets import Entry


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_classes_and_groups_are_folders(tmp_path):
    put(tmp_path, "ill/p1/b.png", "ill/p1/a.JPG", "well/c.webp", "well/p2/left/d.tif")
    assert sets.entries(tmp_path) == (
        Entry("ill/p1/a.JPG", "ill", "ill/p1"),
        Entry("ill/p1/b.png", "ill", "ill/p1"),
        Entry("well/c.webp", "well"),
        Entry("well/p2/left/d.tif", "well", "well/p2/left"),
    )


def test_what_is_no_picture_of_a_class_is_passed_over(tmp_path):
    put(tmp_path, "cat/a.png", "cat/.b.png", ".cache/c.png", "cat/notes.txt", "loose.png", "cat/.DS_Store")
    assert [row.item for row in sets.entries(tmp_path)] == ["cat/a.png"]


def test_an_empty_folder_is_refused(tmp_path):
    put(tmp_path, "loose.png")
    with pytest.raises(InvalidInput, match="no pictures in class folders"):
        sets.entries(tmp_path)


def test_the_digest_changes_with_labels_groups_and_contents_only():
    rows, contents = [Entry("a", "cat"), Entry("b", "dog", "g")], ["1" * 64, "2" * 64]
    known = sets.digest(rows, contents)
    assert sets.digest([Entry("z", "dog", "g"), Entry("y", "cat")], contents[::-1]) == known
    assert sets.digest(rows, contents[::-1]) != known
    assert sets.digest([rows[0], Entry("b", "cat", "g")], contents) != known
    assert sets.digest([rows[0], Entry("b", "dog")], contents) != known


def test_entries_are_numbered_by_the_names_given():
    rows = [Entry("a", "dog", "g2"), Entry("b", "cat"), Entry("c", "dog", "g1")]
    built = sets.numbered(rows, np.eye(3), classes=["cat", "cow", "dog"], groups=["g1", "g2"])
    assert built.labels.tolist() == [2, 0, 2]
    assert built.groups.tolist() == [1, ALONE, 0]
    assert built.items == ("a", "b", "c")
    assert sets.numbered(rows, np.eye(3), classes=["cat", "dog"]).groups is None
