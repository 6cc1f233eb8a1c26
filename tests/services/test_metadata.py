"""Metadata from tables: which picture a row means, what is written, refused, tried only, and taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import AuditEvent, BulkAct, Image
from retrieval.services.images import bulk_undo, metadata, metadata_table, table_cells
from tests.factories import CollectionFactory, ImageFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return CollectionFactory()


def taken_in(collection, text, *, dry_run=False):
    data = text if isinstance(text, bytes) else text.encode()
    return metadata.take_in(
        metadata_table.read(data), collection=collection, user=collection.owner, dry_run=dry_run
    )  # fmt: skip


def titles(collection):
    return dict(Image.objects.filter(collection=collection).values_list("pk", "title"))


def test_rows_name_pictures_by_id_digest_path_and_its_last_part(collection):
    rows = [ImageFactory(collection=collection, title=f"Old {n}", path=path)
            for n, path in enumerate(["", "", "a/robin.jpg", "a\\wren.jpg", ""])]  # fmt: skip
    ImageFactory(path="a/robin.jpg")  # of somebody else
    ImageFactory(collection=collection, path="a/owl.jpg", deleted_at=datetime(2024, 1, 1, tzinfo=UTC))
    text = "\n".join(
        ["id,sha256,file_name,title", f"{rows[0].pk},,,0", f",{rows[1].sha256.upper()},,1", ",,./a/robin.jpg,2",
         ",,wren.jpg,3", ",,Old 4.JPG,4", ",,owl.jpg,5", ",,b/robin.jpg,6"]
    )  # fmt: skip
    found = taken_in(collection, text)
    assert (found.changed, found.unknown, found.refused) == (5, 2, [])
    assert [row.name for row in found.unknown_rows] == ["owl.jpg", "b/robin.jpg"]
    assert [titles(collection)[row.pk] for row in rows] == ["0", "1", "2", "3", "4"]


def test_what_is_doubtful_or_wrong_refuses_its_row_alone(collection):
    for path in ("a/1.jpg", "b/1.jpg", "2.jpg", "c/2.jpg", "3.jpg"):
        ImageFactory(collection=collection, path=path, title="Old")
    lines = ["file_name,title,rating,taken_at", "1.jpg,X,,", "2.jpg,Y,,", "2.jpg,Z,,", "3.jpg,W,6,", "3.jpg,W,,soon",
             "3.jpg,short", ",nothing,,", "", f"3.jpg,{'t' * 301},,", "3.jpg,Fine,,"]  # fmt: skip
    found = taken_in(collection, "\n".join(lines))
    assert [(each.row, each.code) for each in found.refused] == [
        (2, "ambiguous_name"), (4, "named_twice"), (5, "invalid_input"), (6, "invalid_input"), (7, "malformed"),
        (8, "invalid_input"), (10, "invalid_input"),
    ]  # fmt: skip
    assert "rating" in found.refused[2].message
    assert (found.changed, found.refused_count) == (2, 7)
    assert dict(Image.objects.exclude(title="Old").values_list("path", "title")) == {"2.jpg": "Y", "3.jpg": "Fine"}


def test_empty_cells_leave_fields_alone_and_all_fields_are_taken(collection):
    row = ImageFactory(collection=collection, path="1.jpg", caption="Old", rating=2)
    text = ('file_name,title,caption,tags,group_key,source_url,metadata,taken_at,rating,width\n'
            '1.jpg,New,,"bird, red",g,https://example.org/,"{""a"": 1}",2019/7/4 9:30,5,99')  # fmt: skip
    assert taken_in(collection, text).changed == 1
    row.refresh_from_db()
    assert (row.title, row.caption, row.tags, row.group_key) == ("New", "Old", ["bird", "red"], "g")
    assert (row.source_url, row.metadata, row.rating) == ("https://example.org/", {"a": 1}, 5)
    assert (row.taken_at, row.taken_offset, row.width) == (datetime(2019, 7, 4, 9, 30, tzinfo=UTC), None, 4)


def test_what_is_so_already_is_not_written(collection):
    row = ImageFactory(collection=collection, path="1.jpg", title="Same", tags=["a"])
    found = taken_in(collection, "file_name,title,tags\n1.jpg,Same,a\n")
    assert (found.changed, found.unchanged, found.undo) == (0, 1, None)
    assert not BulkAct.objects.exists()
    assert Image.objects.get(pk=row.pk).updated_at == row.updated_at


def test_a_dry_run_tells_the_same_and_writes_nothing(collection):
    ImageFactory(collection=collection, path="1.jpg", title="Old")
    text = "file_name,title,rating\n1.jpg,New,\n9.jpg,New,\n1.jpg,Again,9"
    tried = taken_in(collection, text, dry_run=True)
    assert titles(collection).popitem()[1] == "Old"
    assert not AuditEvent.objects.filter(action="metadata.imported").exists()
    done = taken_in(collection, text)
    assert (tried.changed, tried.unknown, tried.refused) == (done.changed, done.unknown, done.refused)
    assert (done.changed, done.unknown, done.refused_count, tried.undo) == (1, 1, 1, None)


def test_it_is_taken_back_as_one_act(collection):
    one, two = (ImageFactory(collection=collection, path=f"{n}.jpg", title="Old", tags=["a"]) for n in (1, 2))
    found = taken_in(collection, "file_name,title,tags,taken_at\n1.jpg,New,,2019-07-04T10:00:00+02:00\n2.jpg,,b,\n")
    one.refresh_from_db()
    assert (one.title, one.tags, one.taken_offset) == ("New", ["a"], 120)
    (line,) = AuditEvent.objects.filter(action="metadata.imported")
    assert (line.object_id, line.detail["count"], line.detail["act"]) == (str(collection.pk), 2, str(found.undo))
    assert bulk_undo.undo(found.undo, user=collection.owner).done == 2
    for row in (one, two):
        row.refresh_from_db()
        assert (row.title, row.tags, row.taken_at, row.taken_offset) == ("Old", ["a"], None, None)


def test_editors_may_and_nobody_else(collection):
    ImageFactory(collection=collection, path="1.jpg")
    collection.visibility = "shared"
    collection.save()
    viewer = UserFactory()
    collection.memberships.create(user=viewer, role="viewer")
    for person, error in ((viewer, Forbidden), (UserFactory(), NotFound)):
        with pytest.raises(error):
            metadata.take_in(metadata_table.from_values([]), collection=collection, user=person, dry_run=True)


def test_a_thousand_rows_are_as_few_statements_as_one(collection):
    def statements(rows):
        with CaptureQueriesContext(connection) as queries:
            metadata.take_in(metadata_table.from_values(rows), collection=collection, user=collection.owner)
        return len(queries)

    images = ImageFactory.create_batch(2, collection=collection)
    one = statements([{"id": str(images[0].pk), "title": "New"}])
    assert statements([{"id": str(images[n % 2].pk), "title": f"N{n}"} for n in range(1_000)]) == one


@pytest.mark.parametrize(
    "data",
    [
        "\ufeff文件名;标题;标签\r\n1.jpg;知更鸟;鸟，红\r\n".encode(),
        '文件名,标题,标签\r\n1.jpg,知更鸟,"鸟、红"\r\n'.encode("gb18030"),
        "File name\tTitle\tKeywords\r\n1.jpg\t知更鸟\t鸟，红\r\n".encode("utf-16"),
        json.dumps([{"path": "1.jpg", "title": "知更鸟", "tags": ["鸟", "红"], "caption": None}]).encode(),
    ],
)
def test_tables_of_spreadsheets_and_programs_are_read(collection, data):
    row = ImageFactory(collection=collection, path="1.jpg", caption="Old")
    assert taken_in(collection, data).changed == 1
    row.refresh_from_db()
    assert (row.title, row.tags, row.caption) == ("知更鸟", ["鸟", "红"], "Old")


@pytest.mark.parametrize(
    "text",
    ["", "title\nx", "file_name,colour\n1,x", "file_name,title,title\n1,x,y", 'file_name,title\n1,"x', "[{}", "[{} {}]",
     "[{}]x", "{}", '[{"a": 1},]', "[1" + " " * 5 + "2]", b"file_name,title\nM\xfcll.jpg,x"],
)  # fmt: skip
def test_what_is_no_table_is_refused_as_a_whole(text):
    with pytest.raises(InvalidInput) as caught:
        list(metadata_table.read(text if isinstance(text, bytes) else text.encode()))
    assert "file" in caught.value.fields


VALUES = [
    {"title": 1}, {"tags": [1]}, {"metadata": []}, {"rating": True}, {"rating": 1.5}, {"taken_at": 7}, {"id": "x"},
    {"sha256": "x"}, {"path": 1}, {"path": "a\x00"}, {"titel": "x"}, {"metadata": {"x": "\ud800"}},
    {"taken_at": "0001-01-01T00:00:00+14:00"}, 7, {},
]  # fmt: skip


def test_values_of_another_kind_refuse_their_row():
    named = [{"name": "n"} | value if isinstance(value, dict) and value else value for value in VALUES]
    rows = list(metadata_table.from_values(named))
    assert [row for row in rows if not isinstance(row, metadata_table.Refusal)] == []
    assert {row.code for row in rows} == {"invalid_input", "malformed", "unknown_field"}


def test_a_table_has_so_many_rows(monkeypatch):
    monkeypatch.setattr(metadata_table, "MOST_ROWS", 1)
    with pytest.raises(InvalidInput, match="more than 1 rows"):
        list(metadata_table.read(b"file_name\n1\n2\n"))


@pytest.mark.parametrize("text", ["=1", "'=1", "''-x", "+1", "@x", "\t1", "\r", "＝1", "'", "''x", "plain", "a=1", ""])
def test_a_formula_is_guarded_and_comes_back(text):
    kept = table_cells.guarded(text)
    assert not kept.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert table_cells.unguarded(kept) == text
    assert kept == text or text.lstrip("'")[0] in "=+-@\t\r＝"
