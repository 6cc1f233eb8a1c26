"""Files of pictures: each request is checked, nothing runs in the page, copies are asked about again."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval import conf
from tests.web.library import put


@pytest.fixture
def red(collection):
    return put(collection, "red", title="Röd <fågel>")


def paths(image):
    return [f"/media/thumbnails/{image.id}/320", f"/media/thumbnails/{image.id}/1280", f"/media/originals/{image.id}"]


def test_a_thumbnail_is_kept_by_the_browser_but_asked_about_each_time(page, red):
    answer = page.get(paths(red)[0])
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert set(answer["Cache-Control"].split(", ")) == {"private", "no-cache"}
    again = page.get(paths(red)[0], headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert b"".join(again) == b""


def test_a_file_is_asked_for_without_what_is_told_of_its_picture(page, red):
    for path in [*paths(red), f"/api/v1/images/{red.id}/thumbnail/", f"/api/v1/images/{red.id}/file/"]:
        with CaptureQueriesContext(connection) as asked:
            assert page.get(path).status_code == 200
        about = [query["sql"] for query in asked if 'FROM "retrieval_image"' in query["sql"]]
        assert len(about) == 1
        assert "retrieval_embedding" not in about[0]


def test_an_original_is_a_download_and_never_shown(page, red):
    answer = page.get(paths(red)[2])
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert "<" not in answer["Content-Disposition"]
    assert b"".join(answer.streaming_content).startswith(b"\x89PNG")


def test_nobody_else_gets_anything(sees, page, stranger, red):
    held = page.get(paths(red)[0])["ETag"]
    for browser in (sees(), sees(stranger)):
        for path in paths(red):
            for headers in ({}, {"If-None-Match": held}, {"Range": "bytes=0-9"}):
                assert browser.get(path, headers=headers).status_code == 404
            assert browser.head(path).status_code == 404


def test_what_was_shared_is_gone_once_it_is_not(sees, stranger, red):
    red.collection.visibility = "shared"
    red.collection.save()
    membership = red.collection.memberships.create(user=stranger, role="viewer")
    browser = sees(stranger)
    assert browser.get(paths(red)[0]).status_code == 200
    membership.delete()
    assert {browser.get(path).status_code for path in paths(red)} == {404}


@pytest.mark.parametrize("size", [0, 319, 4096])
def test_only_the_sizes_that_exist(page, red, size):
    assert page.get(f"/media/thumbnails/{red.id}/{size}").status_code == 404


def test_a_picture_that_is_not_there(page):
    assert page.get(f"/media/originals/{uuid4()}").status_code == 404


@pytest.fixture
def behind_nginx(settings):
    """nginx in front sends the files."""
    settings.IMAGESEARCH = replace(conf.get(), x_accel_prefix="/protected/")


def test_behind_nginx_the_answer_names_the_file_and_has_no_bytes(page, red, behind_nginx):
    thumbnail, _, original = paths(red)
    for path, kind, kept in ((thumbnail, "thumbnails", "no-cache"), (original, "originals", "no-store")):
        answer = page.get(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer["X-Accel-Redirect"].startswith(f"/protected/{kind}/")
        assert set(answer["Cache-Control"].split(", ")) == {"private", kept}
        assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Accel-Redirect"].endswith(red.sha256)


def test_behind_nginx_nobody_else_is_told_where_a_file_is(sees, stranger, red, behind_nginx):
    for browser in (sees(), sees(stranger)):
        for path in paths(red):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert "X-Accel-Redirect" not in answer


def test_without_nginx_no_answer_names_a_file(page, red):
    for path in paths(red):
        assert "X-Accel-Redirect" not in page.get(path)
