"""Tables of what is said about files: read within bounds, and put on the pictures of archives and folders."""

from __future__ import annotations

import pytest

from retrieval.errors import InvalidInput
from retrieval.services.images import tables
from retrieval.services.images.image_fields import ImageChanges

WRONG = {
    "": "file_name",
    "title\nx": "file_name",
    "file_name,colour\na.jpg,1": "'colour'",
    "file_name,title,title\na.jpg,1,2": "file_name",
    "file_name,title\na.jpg": "line 2",
    "file_name,title\na.jpg,b,c": "line 2",
    "file_name,title\na.jpg,b\na.jpg,c": "row 3 names a.jpg a second time",
    f"file_name,group_key\na.jpg,{'g' * 201}": "row 2: group_key",
    "file_name,source_url\na.jpg,here": "row 2: source_url",
    'file_name,title\na.jpg,"b': "line",
    "file_name,tags\na.jpg,[1]": "row 2: tags",
    "file_name,metadata\na.jpg,[]": "row 2: metadata",
    'file_name,metadata\na.jpg,"{""x"": 1e999}"': "row 2: metadata",
    'file_name,metadata\na.jpg,"{""x"": ""\\ud800""}"': "row 2: metadata",
    "file_name,title\na.jpg," + "b" * 200_000: "line",
}


def test_a_row_says_what_its_cells_say():
    data = '\ufefffile_name,title,tags,group_key\n./x/a.jpg, A ,"bird,red",g1\nb.jpg,,,\n'.encode()
    assert tables.read(data, folder="top/") == {
        "top/x/a.jpg": ImageChanges(title="A", tags=("bird", "red"), group_key="g1"),
        "top/b.jpg": ImageChanges(),
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_divided_as_spreadsheets_do(delimiter, end):
    lines = [
        delimiter.join(row) for row in (("file_name", "group_key"), ("M\u00fcll.jpg", "g"), ("Mu\u0308ll2.jpg", "h"))
    ]
    found = tables.read(end.join(lines).encode())
    assert {name: said.group_key for name, said in found.items()} == {"M\u00fcll.jpg": "g", "M\u00fcll2.jpg": "h"}


@pytest.mark.parametrize(("text", "told"), WRONG.items())
def test_what_is_wrong_with_a_table_is_told_by_its_row(text, told):
    with pytest.raises(InvalidInput) as caught:
        tables.read(text.encode())
    assert told in caught.value.message
    assert "table" in caught.value.fields


def test_another_writing_than_utf_8_is_refused():
    with pytest.raises(InvalidInput, match="UTF-8"):
        tables.read("file_name,title\nM\u00fcll.jpg,x".encode("latin-1"))


def test_a_row_without_its_file_is_refused():
    texts = tables.read(b"file_name,group_key\na\\b.jpg,1\nc.jpg,2\nd.jpg,2")
    tables.require_files(texts, ["a/b.jpg", "c.jpg", "d.jpg", "e.jpg"])
    with pytest.raises(InvalidInput, match=r"no file c.jpg and 1 more"):
        tables.require_files(texts, ["a/b.jpg"])
