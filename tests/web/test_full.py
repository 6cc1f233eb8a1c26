"""Pictures at their full size: for who may see them, kept by the browser but asked about, and on the trail."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import uuid4

import pytest
from PIL import Image as Pillow

from retrieval import conf
from retrieval.ingest import sandbox, store
from retrieval.models import AuditEvent, Image
from retrieval.services.people import limits
from tests.web.library import put


@pytest.fixture
def red(collection):
    return put(collection, "red", title="Röd <fågel>")


def path(image):
    return f"/media/full/{image.pk}"


def by_api(image):
    return f"/api/v1/images/{image.pk}/full/"


def lines(action="image.viewed"):
    return list(AuditEvent.objects.filter(action=action).values_list("actor__username", "object_id"))


def test_a_picture_is_shown_as_a_jpeg_of_our_own_making(page, red):
    for answer in (page.get(path(red)), page.get(by_api(red))):
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/jpeg"
        assert answer["Content-Disposition"].startswith("inline")
        assert "<" not in answer["Content-Disposition"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert Pillow.open(io.BytesIO(answer.content)).size == (60, 40)


def test_what_browsers_do_not_know_is_shown_too(page, collection):
    pages = [Pillow.new("CMYK", size, (0, 255, 255, 0)) for size in ((30, 20), (50, 20))]
    data = io.BytesIO()
    pages[0].save(data, "TIFF", save_all=True, append_images=pages[1:])
    image = put(collection, data=data.getvalue())
    Image.objects.filter(pk=image.pk).update(format="TIFF", document=image.pk, page=2, pages=2)
    shown = Pillow.open(io.BytesIO(page.get(path(image)).content))
    assert (shown.format, shown.size) == ("JPEG", (50, 20))


def test_it_is_kept_by_the_browser_and_decoded_once(page, red, monkeypatch):
    answer = page.get(path(red))
    assert set(answer["Cache-Control"].split(", ")) == {"private", "no-cache"}
    monkeypatch.setattr(sandbox, "full", None)  # it would be called
    again = page.get(path(red), headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == answer["ETag"]


def test_nobody_else_gets_anything(sees, page, stranger, red):
    held = page.get(path(red))["ETag"]
    for browser in (sees(), sees(stranger)):
        for headers in ({}, {"If-None-Match": held}):
            assert browser.get(path(red), headers=headers).status_code == 404
    assert sees(stranger).get(by_api(red)).status_code == 404
    assert page.get(f"/media/full/{uuid4()}").status_code == 404
    assert lines() == [("owner", str(red.pk))]


def test_who_looked_at_an_original_is_on_the_trail_once_an_hour(page, red, collection):
    other = put(collection, "blue")
    for image in (red, red, other):
        page.get(path(image))
    page.get(by_api(red))
    assert lines() == [("owner", str(other.pk)), ("owner", str(red.pk))]
    for part in ("bytes=0-9", "bytes=10-19"):
        page.get(f"/media/originals/{red.pk}", headers={"Range": part})
    page.get(f"/api/v1/images/{red.pk}/file/")
    assert lines("image.downloaded") == [("owner", str(red.pk))]


def test_an_hour_later_it_is_on_the_trail_again(page, red, monkeypatch):
    page.get(path(red))
    monkeypatch.setattr(limits, "nth", lambda *_, **__: 1)
    page.get(path(red))
    assert len(lines()) == 2


def test_what_is_refused_or_gone_is_on_no_trail(page, collection, red):
    store.original(red.sha256).unlink()
    assert page.get(path(red)).status_code == 404
    text = put(collection, data=b"no picture", title="text")
    assert page.get(path(text)).status_code == 415
    assert lines() == []


def test_it_counts_as_time_of_the_decoders(page, red, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, decode_seconds=0))
    for answer in (page.get(path(red)), page.get(by_api(red))):
        assert answer.status_code == 429
    assert lines() == []


def test_the_page_offers_it_and_fetches_it_for_the_zoom_where_the_thumbnail_is_smaller(page, collection):
    small, large = put(collection, "red"), put(collection, "blue", width=1281, height=900)
    for image, zooms in ((small, False), (large, True)):
        text = page.get(f"/pictures/{image.pk}/").content.decode()
        assert f'href="{path(image)}" target="_blank"' in text
        assert (f'data-full="{path(image)}"' in text) == zooms


def test_a_visitor_of_a_public_site_leaves_a_line_without_a_name(sees, red, settings):
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    red.collection.visibility = "public"
    red.collection.save()
    assert sees().get(path(red)).status_code == 200
    assert lines() == [(None, str(red.pk))]
