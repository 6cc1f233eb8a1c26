"""File names that try to be more than names: shown as text, and nowhere a path or a header."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from retrieval import conf, downloads, tasks
from retrieval.models import Image
from retrieval.services.images import file_facts, image_fields, images
from retrieval.services.people import accounts
from tests.web.library import png

NAMES = {
    "line ends": "a\r\nSet-Cookie: x=1\r\n.png",
    "quotes": 'a"; filename="b.html".png',
    "right to left": "a\u202egnp.exe.png",
    "null": "a\0b.png",
    "5,000 characters": "x" * 5_000 + ".png",
    "encoded path": "%2f%2e%2e%2fetc%2fpasswd.png",
    "path": "../../etc/passwd.png",
    "other path": "..\\..\\etc\\passwd.png",
    "markup": "<script>alert(1)</script>.png",
}
# RFC 6266: one name, quoted with its own quotes escaped, or encoded.
ONE_NAME = re.compile(r"""attachment; filename(="([^"\\]|\\.)*"|\*=utf-8''[\w%.~!()'*-]+)""", re.ASCII)
UNSAFE = set("\r\n\0\u202e")


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch, encoder):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(tasks, "wake", lambda *_: None)


@pytest.fixture
def calls(owner):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {accounts.issue_token(owner)[0]}")
    return client


def named(name, mark):
    """A file with this very name; Django's own class would cut it."""
    file = SimpleUploadedFile("a.png", png("red", mark=mark), "image/png")
    file._name = name
    return file


def kept(name, collection, mark):
    """Put it in past Django, which sanitises names of forms itself; return the picture."""
    upload = images.Upload(named(name, mark), name)
    return images.add(upload, user=collection.owner, collection=collection).image


def harm(image, page, calls, tmp_path):
    """What of a name reached where it must not."""
    found = [answer["Content-Disposition"] for answer in (
        page.get(f"/media/originals/{image.pk}"), calls.get(f"/api/v1/images/{image.pk}/file/"))]  # fmt: skip
    shown = page.get(f"/pictures/{image.pk}/").content.decode()
    wrong = [text for text in found if UNSAFE & set(text) or not text.startswith("attachment")]
    wrong += [text for text in found if not ONE_NAME.fullmatch(text)]
    wrong += [text for text in found if "/" in text.split("filename", 1)[-1].replace("UTF-8''", "")]
    wrong += [path.name for path in tmp_path.rglob("*") if path.is_file() and "passwd" in path.name]
    wrong += ["markup"] if "<script>alert" in shown else []
    return wrong + (["title"] if UNSAFE & set(image.title) or len(image.title) > 300 else [])


@pytest.mark.parametrize("kind", NAMES)
def test_a_file_name_is_display_text(page, calls, collection, tmp_path, kind):
    image = kept(NAMES[kind], collection, mark=len(kind))
    assert harm(image, page, calls, tmp_path) == []


@pytest.mark.parametrize("kind", sorted(set(NAMES) - {"null"}))
def test_so_it_is_whichever_edge_it_came_by(page, calls, collection, tmp_path, kind):
    fields = {"collection": str(collection.pk)}
    by_page = page.post("/upload/file/", {"file": named(NAMES[kind], 500 + len(kind)), **fields})
    by_call = calls.post("/api/v1/images/", {"file": named(NAMES[kind], 600 + len(kind)), **fields}, format="multipart")
    # Django reads no part of a form whose header is so long.
    wanted = (400, 400) if kind == "5,000 characters" else (200, 201)
    assert (by_page.status_code, by_call.status_code) == wanted
    pictures = list(Image.objects.all())
    assert len(pictures) == (0 if wanted[0] == 400 else 2)
    assert not any(harm(image, page, calls, tmp_path) for image in pictures)


def test_without_the_cleaning_a_name_keeps_its_signs(page, calls, collection, tmp_path, monkeypatch):
    monkeypatch.setattr(file_facts, "title_of", lambda name: name[:300])
    monkeypatch.setattr(image_fields, "shown_name", lambda name: name)
    image = kept(NAMES["right to left"], collection, mark=1)
    assert "title" in harm(image, page, calls, tmp_path)


def test_without_the_quoting_a_name_ends_early_and_another_begins(page, calls, collection, tmp_path, monkeypatch):
    """Names of downloads are made of letters and digits, and quoted as well; one of both is enough."""
    image = kept(NAMES["quotes"], collection, mark=2)
    monkeypatch.setattr(downloads, "file_name", lambda image: image.title)
    assert harm(image, page, calls, tmp_path) == []
    monkeypatch.setattr(
        downloads, "content_disposition_header", lambda *, as_attachment, filename: f'attachment; filename="{filename}"'
    )
    assert len(harm(image, page, calls, tmp_path)) == 2
