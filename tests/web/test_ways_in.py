"""Every way in ends alike: derivatives without anything that hung on the file, and originals that nothing runs."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import replace

import pytest
from django.core.management import call_command
from PIL import Image as Pillow
from rest_framework.test import APIClient

from retrieval import conf, downloads, tasks
from retrieval.models import ArchiveImport, Image
from retrieval.services.images import archives, images
from retrieval.services.people import accounts
from retrieval.work import long_jobs
from tests.elsewhere import allow_only_it, serving
from tests.ingest.pictures import encoded, sample, scene
from tests.ingest.test_decode import SECRET, with_secrets

SCRIPT = b"<script>alert(1)</script>"
METADATA = {"icc_profile", "exif", "xmp", "comment", "photoshop"}


def polyglots():
    """Pictures that are something else as well."""
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("x.html", SCRIPT.decode())
    return {
        "GIF and script": encoded(scene(), "GIF", comment=b"*/=1;alert(1)//"),
        "PNG and HTML": sample("PNG") + SCRIPT,
        "JPEG and HTML": encoded(scene(), "JPEG", comment=SCRIPT),
        "JPEG and ZIP": sample("JPEG") + hidden.getvalue(),
    }


@functools.cache
def secretive(kind):
    """A picture of this format with a secret in every place that it has for one."""
    return with_secrets(kind)


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch, encoder):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path / "data")
    monkeypatch.setattr(tasks, "wake", lambda *_: None)


@pytest.fixture
def web(monkeypatch):
    """The internet."""
    allow_only_it(monkeypatch)
    with serving() as site:
        yield site


@pytest.fixture
def calls(owner):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {accounts.issue_token(owner)[0]}")
    return client


def named(data, name="a.jpg"):
    file = io.BytesIO(data)
    file.name = name
    return file


def zipped(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", data)
    return named(out.getvalue(), "a.zip")


def take_apart():
    long_jobs.run(archives.KIND, ArchiveImport.objects.latest("created_at").pk)


@pytest.fixture
def by_call(calls, collection, web):
    """The ways in of the API."""
    here = {"collection": str(collection.pk)}

    def address(data):
        web.pages["/a.jpg"] = data
        calls.post("/api/v1/images/", {"url": f"{web.address}/a.jpg", **here}, format="json")

    def archive(data):
        calls.post("/api/v1/archives/", {"file": zipped(data), **here}, format="multipart")
        take_apart()

    def form(data):
        calls.post("/api/v1/images/", {"file": named(data), **here}, format="multipart")

    return {"API, form": form, "API, address": address, "API, archive": archive}


@pytest.fixture
def by_page(page, collection, web):
    """The ways in of the pages."""
    here = {"collection": str(collection.pk)}

    def address(data):
        web.pages["/a.jpg"] = data
        page.post("/upload/", {"url": f"{web.address}/a.jpg", **here})

    def archive(data):
        page.post("/upload/", {"file": [zipped(data)], **here})
        take_apart()

    return {
        "page": lambda data: page.post("/upload/", {"file": [named(data)], **here}),
        "page, archive": archive,
        "page, address": address,
        "page's script": lambda data: page.post("/upload/file/", {"file": named(data), **here}),
    }


@pytest.fixture
def ways(by_call, by_page, collection, tmp_path):
    """Every way in, by name: what takes a file's bytes."""

    def folder(data):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "a.jpg").write_bytes(data)
        options = {"collection": str(collection.pk), "user": "owner", "stdout": io.StringIO()}
        call_command("import_images", str(tmp_path / "in"), **options)

    return {**by_call, **by_page, "command": folder}


WAYS = ("API, form", "API, address", "API, archive", "page", "page, archive", "page, address", "page's script",
        "command")  # fmt: skip


def test_no_way_in_is_left_out(ways):
    assert set(ways) == set(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_carry_no_metadata_whichever_way_a_picture_came(ways, page, calls, way, figure):
    checked = 0
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "AVIF"):
        assert SECRET in secretive(kind)
        ways[way](secretive(kind))
        image = Image.objects.latest("created_at")
        assert image.format == kind
        for size in conf.get().thumbnail_sizes:
            for answer in (
                page.get(f"/media/thumbnails/{image.pk}/{size}"),
                calls.get(f"/api/v1/images/{image.pk}/thumbnail/", {"size": size}),
            ):
                data = b"".join(answer.streaming_content)
                assert SECRET not in data
                assert data == images.thumbnail_path(image, size).read_bytes()
                small = Pillow.open(io.BytesIO(data))
                assert not small.getexif()
                assert not METADATA & set(small.info)
                checked += 1
        assert SECRET.decode() not in image.placeholder
    figure(f"{way}: {checked} derivatives")


def runs(answer):
    """Would a browser show this answer as a page of ours?"""
    attached = answer.headers.get("Content-Disposition", "").startswith("attachment")
    guarded = "sandbox" in answer.headers.get("Content-Security-Policy", "")
    sniffed = answer.headers.get("X-Content-Type-Options") != "nosniff"
    return not attached or not guarded or sniffed or "html" in answer.headers["Content-Type"]


def originals(page, calls, image):
    return page.get(f"/media/originals/{image.pk}"), calls.get(f"/api/v1/images/{image.pk}/file/")


@pytest.mark.parametrize("way", WAYS)
def test_polyglots_are_served_as_nothing_that_runs(ways, page, calls, way):
    for data in polyglots().values():
        ways[way](data)
        image = Image.objects.latest("created_at")
        for answer in originals(page, calls, image):
            assert not runs(answer)
            assert b"".join(answer.streaming_content) == data
        for size in conf.get().thumbnail_sizes:
            small = images.thumbnail_path(image, size).read_bytes()
            assert b"alert" not in small
            assert not zipfile.is_zipfile(io.BytesIO(small))


def test_without_the_headers_of_downloads_a_polyglot_would_run(ways, page, calls, monkeypatch):
    monkeypatch.setattr(downloads, "content_disposition_header", lambda **_: "inline")
    ways["page"](polyglots()["JPEG and HTML"])
    assert all(map(runs, originals(page, calls, Image.objects.get())))
