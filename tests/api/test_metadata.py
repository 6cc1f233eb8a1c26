"""Metadata by table through the API: in as form, CSV or JSON; out as what is read back unchanged."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from retrieval import conf
from retrieval.api.serializers.images import ImageSerializer
from retrieval.models import Image
from retrieval.services.images import metadata_table, originals, tables
from retrieval.services.images.choice import Choice, ImageFilters
from tests.factories import EncoderFactory, ImageFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db
SAID = {"title": "=1+1", "caption": 'A "long",\r\none', "tags": ["a, b", "-c"], "group_key": "'@g",
        "source_url": "https://example.org/", "metadata": {"né": [1.5, None]}, "rating": 3}  # fmt: skip
MORE = {"path": "+spring/robin.jpg", "camera": "=cmd()", "latitude": -33.5, "longitude": 151.0,
        "taken_at": datetime(2019, 7, 4, 10, tzinfo=UTC)}  # fmt: skip


@pytest.fixture
def address(collection):
    return f"/api/v1/collections/{collection.pk}/metadata/"


@pytest.fixture
def client(calls, owner):
    return calls(owner)


@pytest.fixture
def rows(collection):
    """One picture with everything, hard to write down; one with nothing; one whose moment has an offset."""
    ImageFactory(collection=collection, **SAID, **MORE)
    ImageFactory(collection=collection, title="")
    ImageFactory(collection=collection, title=" x\t", taken_at=MORE["taken_at"], taken_offset=-330)
    return list(Image.objects.filter(collection=collection).order_by("pk").values())


def body(answer):
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.usefixtures("rows")
def test_what_is_exported_reads_back_unchanged(client, address, collection, kind):
    text = body(client.get(address, {"format": kind}))
    sent = client.post(address, {"file": SimpleUploadedFile("t", text)}, format="multipart").json()
    assert {**sent, "undo": None} == {
        "changed": 0, "unchanged": 3, "unknown": 0, "unknown_rows": [], "refused": [], "refused_count": 0, "undo": None,
    }  # fmt: skip
    Image.objects.filter(collection=collection).update(title="X", caption="X", tags=[], metadata={}, rating=1)
    client.post(address, {"file": SimpleUploadedFile("t", text)}, format="multipart")
    found = Image.objects.filter(collection=collection, group_key=SAID["group_key"]).values(*SAID, *MORE).get()
    assert found == SAID | MORE


def test_every_field_of_a_picture_is_known_so_that_a_list_of_them_is_read():
    assert set(ImageSerializer.Meta.fields) <= set(metadata_table.KNOWN)


def test_no_cell_of_an_export_is_a_formula(client, address, rows):
    text = body(client.get(address)).decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    (full,) = [row for row in table if row["camera"]]
    assert (full["title"], full["camera"], full["path"]) == ("'=1+1", "'=cmd()", "'+spring/robin.jpg")
    assert (full["group_key"], full["latitude"], full["taken_at"]) == ("''@g", "-33.5", "2019-07-04T10:00:00")


def test_the_table_of_a_download_reads_back_unchanged(client, address, collection, rows):
    choice = Choice(filters=ImageFilters(collection=collection.pk))
    bundle = originals.bundle(choice, user=collection.owner)
    table = tables.written(bundle.images)
    answer = client.post(address, table, content_type="text/csv").json()
    assert (answer["changed"], answer["unchanged"], answer["refused"]) == (0, 3, [])
    assert tables.read(table)[bundle.images[0][1]].title == rows[0]["title"]


def test_it_is_tried_before_it_is_done_and_taken_back(client, address, rows):
    said = [{"id": str(rows[0]["id"]), "title": "New"}, {"name": "nobody.jpg"}]
    tried = [
        client.post(address, {"rows": said, "dry_run": True}, format="json").json(),
        client.post(f"{address}?dry_run=true", said, format="json").json(),
        client.post(
            address, {"file": SimpleUploadedFile("t", json.dumps(said).encode()), "dry_run": "true"}, format="multipart"
        ).json(),
    ]
    assert Image.objects.get(pk=rows[0]["id"]).title == rows[0]["title"]
    done = client.post(address, {"rows": said}, format="json").json()
    assert tried == [done | {"undo": None}] * 3
    assert (done["changed"], done["unknown"], done["unknown_rows"]) == (1, 1, [{"row": 2, "name": "nobody.jpg"}])
    client.post("/api/v1/images/bulk/undo/", {"undo": done["undo"]}, format="json")
    assert Image.objects.get(pk=rows[0]["id"]).title == rows[0]["title"]


@pytest.mark.parametrize(
    ("said", "kind", "field"),
    [
        ({}, "json", "rows"),
        ({"rows": [], "titles": 1}, "json", "titles"),
        ({"rows": {}}, "json", "rows"),
        ({"dry_run": "true"}, "multipart", "file"),
        ({"file": SimpleUploadedFile("t", b"colour\nred")}, "multipart", "file"),
    ],
)
def test_what_is_no_table_is_named(client, address, said, kind, field):
    answer = client.post(address, said, format=kind)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_a_table_is_bounded(client, address, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, table_bytes=20))
    said = {"file": SimpleUploadedFile("t", b"file_name\n" + b"x" * 11)}
    assert client.post(address, said, format="multipart").json()["error"]["code"] == "file_too_large"
    long = client.post(address, "x" * (conf.get().limits.json_bytes + 21), content_type="text/csv")
    assert long.json()["error"]["code"] == "body_too_large"


def test_vectors_and_facets_of_a_collection(client, collection, rows):
    encoder = EncoderFactory(dimension=3)
    (image,) = Image.objects.filter(pk=rows[0]["id"])
    embed([image], encoder=encoder, raw=np.ones((1, 3), np.float32))
    answer = client.get(f"/api/v1/collections/{collection.pk}/vectors/")
    found = np.load(io.BytesIO(body(answer)))
    assert list(found["ids"]) == [str(image.pk)]
    np.testing.assert_allclose(found["vectors"], [[1, 1, 1]], atol=1e-3)  # stored in half precision
    assert f'filename="vectors-{collection.pk}.npz"' in answer["Content-Disposition"]
    counted = client.get(f"/api/v1/collections/{collection.pk}/facets/").json()
    assert counted["cameras"] == [{"name": "=cmd()", "count": 1}]
    assert {"name": "2019-07", "count": 2} in counted["months"]
    assert sorted(counted) == ["cameras", "groups", "months", "tags"]
