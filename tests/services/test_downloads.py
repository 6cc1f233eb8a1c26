"""Files as answers: whole, in parts, through nginx, and never run by a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval import conf, downloads
from retrieval.errors import NotFound


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-9", range(10)),
        ("bytes=90-", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-500", range(100)),
        ("bytes=95-500", range(95, 100)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=٣-٤", None),
    ],
)
def test_the_part_that_a_header_asks_for(header, span):
    assert downloads.span_of(header, size=100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_part_behind_the_end_is_refused(header):
    with pytest.raises(downloads.RangeNotSatisfiable):
        downloads.span_of(header, size=100)


def test_files_are_framed_by_nobody(stored):
    policy = downloads.send(stored)["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "sandbox"} <= set(policy)


@pytest.fixture
def stored(tmp_path):
    """A file of a thousand bytes."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(250)) * 4)
    return downloads.Stored(path, "image/png", "bird.png")


def test_the_whole_file_is_an_attachment_that_nothing_runs(stored):
    response = downloads.send(stored)
    assert b"".join(response.streaming_content) == stored.path.read_bytes()
    assert response.headers["Content-Length"] == "1000"
    assert response.headers["Content-Disposition"] == 'attachment; filename="bird.png"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_a_part_of_the_file(stored):
    response = downloads.send(stored, wanted="bytes=5-14")
    assert response.status_code == 206
    assert b"".join(response.streaming_content) == bytes(range(5, 15))
    assert response.headers["Content-Range"] == "bytes 5-14/1000"


def test_a_part_of_another_version_is_the_whole_file(stored):
    named = replace(stored, version="first")
    assert downloads.send(named, wanted="bytes=5-14", if_range='"first"').status_code == 206
    assert downloads.send(named, wanted="bytes=5-14", if_range='"second"').status_code == 200
    assert downloads.send(stored, wanted="bytes=5-14", if_range='""').status_code == 200
    assert downloads.send(named).headers["ETag"] == '"first"'


def test_the_file_is_closed_with_the_answer(stored):
    part = downloads.Part(stored.path, range(10))
    part.close()
    assert part.file.closed


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        downloads.send(downloads.Stored(tmp_path / "gone", "image/png"))


def test_behind_nginx_only_its_address_is_sent(settings):
    settings.IMAGESEARCH = replace(conf.get(), x_accel_prefix="/protected/")
    path = conf.get().originals / "ab" / "abc def"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    response = downloads.send(downloads.Stored(path, "image/png"))
    assert response.headers["X-Accel-Redirect"] == "/protected/originals/ab/abc%20def"
    assert response.content == b""
