"""Answers of a decoder that was taken over: what cannot be an answer to the request is none."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import answers, process, wire
from retrieval.ingest.answers import LieError
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, Part, PictureLimits, Region
from retrieval.ingest.process import Child, ChildLimits, EndedError
from tests.ingest.pictures import FORMATS, encoded, sample, scene
from tests.ingest.test_decode import ODD

UPLOAD = DecodeRequest(thumbnail_sizes=(16, 40))
QUERY = DecodeRequest(working_side=32)
TRUE = decode(sample(), UPLOAD)
THUMBNAIL = TRUE.thumbnails[40]
TINY = base64.b64decode(TRUE.placeholder.partition(",")[2])
HEAD = b"data:image/webp;base64,"


def webp(data):
    return (HEAD + base64.b64encode(data)).decode()


def with_part(data, marker, body):
    """The JPEG with one more part after its beginning."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


def jpeg(**options):
    return encoded(scene(40, 30), "JPEG", **options)


NO_THUMBNAILS = {
    "empty": b"",
    "a page": b"<script>alert(1)</script>",
    "a PNG": encoded(scene(40, 30), "PNG"),
    "another size": encoded(scene(48, 36), "JPEG"),
    "larger than asked for": encoded(scene(64, 48), "JPEG"),
    "another shape": encoded(scene(40, 10), "JPEG"),
    "grey": encoded(scene(40, 30).convert("L"), "JPEG"),
    "four colours": encoded(scene(40, 30).convert("CMYK"), "JPEG"),
    "many scans": jpeg(progressive=True),
    "a comment": with_part(THUMBNAIL, 0xFE, b"said in private"),
    "metadata": with_part(THUMBNAIL, 0xE1, b"Exif\0\0" + b"\0" * 20),
    "a colour profile": with_part(THUMBNAIL, 0xE2, b"ICC_PROFILE\0\1\1"),
    "another picture behind": THUMBNAIL + THUMBNAIL,
    "a page behind": THUMBNAIL + b"<script>alert(1)</script>",
    "a page within": THUMBNAIL[:-2] + b"\xff\xd9<script></script>\xff\xd9",
    "two frames": THUMBNAIL.replace(b"\xff\xc0", THUMBNAIL[THUMBNAIL.index(b"\xff\xc0") :][:19] + b"\xff\xc0", 1),
    "cut off": THUMBNAIL[: len(THUMBNAIL) // 2],
    "cut within a part": THUMBNAIL[:20] + b"\xff\xd9",
    "a part of no length": THUMBNAIL[:2] + b"\xff\xdb\0\0" + THUMBNAIL[2:],
    "only an end": b"\xff\xd8\xff\xd9",
    "no scan": THUMBNAIL[: THUMBNAIL.index(b"\xff\xda")] + b"\xff\xd9",
    "much in little": THUMBNAIL[:-2] + b"\0" * 20_000 + b"\xff\xd9",
}


@pytest.mark.parametrize("name", NO_THUMBNAILS)
def test_what_is_no_thumbnail_of_this_size_is_refused(name):
    with pytest.raises(LieError):
        answers.check(replace(TRUE, thumbnails={**TRUE.thumbnails, 40: NO_THUMBNAILS[name]}), UPLOAD)


LIES = {
    "an unknown format": {"format": "<b>"},
    "no width": {"width": 0},
    "a negative height": {"height": -1},
    "a side beyond the limit": {"width": 20_001, "height": 1},
    "pixels beyond the limit": {"width": 10_000, "height": 10_000},
    "pixels that nobody asked for": {"pixels": np.zeros((5, 5, 3), np.uint8)},
    "another size than that of the thumbnails": {"width": 6400},
    "a thumbnail too few": {"thumbnails": {40: THUMBNAIL}},
    "a thumbnail too many": {"thumbnails": {**TRUE.thumbnails, 41: THUMBNAIL}},
    "a long fingerprint": {"pdq": b"x" * 33},
    "a short fingerprint": {"pdq": b"x"},
    "no placeholder": {"placeholder": ""},
    "a page as placeholder": {"placeholder": "data:text/html;base64,PHNjcmlwdD4="},
    "an address as placeholder": {"placeholder": "https://example.org/seen.webp"},
    "a placeholder with more in it": {"placeholder": TRUE.placeholder + '" onload="alert(1)'},
    "a placeholder with a new line": {"placeholder": TRUE.placeholder + "\n"},
    "a placeholder that is no WebP": {"placeholder": webp(b"x" * 100)},
    "a long placeholder": {"placeholder": webp(TINY + b"\0" * 2_000)},
    "a placeholder with something behind": {"placeholder": webp(TINY + b"\0" * 20)},
    "a placeholder of 17 pixels": {"placeholder": webp(encoded(scene(17, 9), "WEBP"))},
    "a placeholder without loss": {"placeholder": webp(encoded(scene(4, 4), "WEBP", lossless=True))},
    "a placeholder that is cut": {"placeholder": webp(TINY[:24])},
    "base64 of a wrong length": {"placeholder": TRUE.placeholder.rstrip("=") + "AA=A"},
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_what_cannot_be_the_answer_to_an_upload_is_refused(name):
    answers.check(TRUE, UPLOAD)
    with pytest.raises(LieError):
        answers.check(replace(TRUE, **LIES[name]), UPLOAD)


FILM = replace(TRUE, format="MP4", second=1.0, scenes=(1.0, 2.5), pages=2)
SCENE = DecodeRequest(thumbnail_sizes=(16, 40), part=Part(2, 3, 2.5))


@pytest.mark.parametrize(
    "lie",
    [
        {"scenes": (1.0, 1.0)}, {"scenes": (1.0, float("inf"))}, {"scenes": (float("nan"), 2.5)}, {"scenes": ()},
        {"second": 2.5}, {"second": None}, {"second": -1.0, "scenes": (-1.0, 2.5)}, {"pages": 3}, {"format": "PNG"},
        {"pages": 201, "scenes": tuple(map(float, range(1, 202)))},
    ],
)  # fmt: skip
def test_scenes_that_cannot_be_are_refused(lie):
    answers.check(FILM, UPLOAD)
    with pytest.raises(LieError):
        answers.check(replace(FILM, **lie), UPLOAD)


def test_another_scene_than_the_one_that_was_asked_for_is_refused():
    true = replace(FILM, second=2.5, scenes=(), pages=3)
    answers.check(true, SCENE)
    for lie in ({"second": 1.0}, {"pages": 4}, {"scenes": (2.5,)}, {"second": None}):
        with pytest.raises(LieError):
            answers.check(replace(true, **lie), SCENE)
    with pytest.raises(LieError):
        answers.check(TRUE, SCENE)


@pytest.mark.parametrize("shape", [(0, 0, 3), (24, 32, 3), (32, 20, 3), (48, 64, 3), (1, 1, 3), (32, 4000, 3)])
def test_pixels_of_another_size_than_the_picture_s_are_refused(shape):
    found = decode(sample(), QUERY)
    answers.check(found, QUERY)
    with pytest.raises(LieError):
        answers.check(replace(found, pixels=np.zeros(shape, np.uint8)), QUERY)


def test_thumbnails_that_nobody_asked_for_are_refused():
    with pytest.raises(LieError):
        answers.check(replace(decode(sample(), QUERY), pdq=b"x" * 32), QUERY)


FULL = DecodeRequest(full=True)
WHOLE = decode(sample(), FULL).full  # 64 x 48
NO_FULL = {
    "nothing": b"",
    "a page": b"<script>alert(1)</script>",
    "a PNG": sample("PNG"),
    "a half": encoded(scene(32, 24), "JPEG"),
    "more": encoded(scene(128, 96), "JPEG"),
    "another shape": encoded(scene(64, 40), "JPEG"),
    "metadata": with_part(WHOLE, 0xE1, b"Exif\0\0" + b"\0" * 20),
    "a page behind": WHOLE + b"<script>alert(1)</script>",
    "much in little": WHOLE[:-2] + b"\0" * 20_000 + b"\xff\xd9",
}


@pytest.mark.parametrize("name", NO_FULL)
def test_what_is_not_the_whole_picture_is_refused(name):
    found = decode(sample(), FULL)
    answers.check(found, FULL)
    with pytest.raises(LieError):
        answers.check(replace(found, full=NO_FULL[name]), FULL)


def test_a_whole_picture_that_nobody_asked_for_is_refused():
    for request in (UPLOAD, QUERY):
        with pytest.raises(LieError):
            answers.check(replace(decode(sample(), request), full=WHOLE), request)


@pytest.mark.parametrize("size", [(1001, 600), (999, 1499), (2400, 1800), (4001, 3)], ids=str)
def test_a_picture_of_too_many_pixels_is_answered_at_a_part_of_its_size(size):
    request = DecodeRequest(full=True, limits=PictureLimits(pixels=200_000, jpeg_pixels=200_000_000))
    found = decode(encoded(scene(*size), "JPEG"), request)
    answers.check(found, request)
    width, height = answers.jpeg_size(found.full)
    assert (found.width, found.height) == size
    assert width * height <= 200_000 + 2 * max(size)
    if size[0] * size[1] > 200_000:
        with pytest.raises(LieError):
            answers.check(replace(found, full=encoded(scene(*size), "JPEG")), request)


SIZES = [(1, 1), (1, 3_000), (3, 2), (17, 900), (523, 521), (1_303, 133)]
REQUESTS = {
    "upload": DecodeRequest(thumbnail_sizes=(320, 1280)),
    "small": DecodeRequest(working_side=7, thumbnail_sizes=(5, 9)),
    "query": DecodeRequest(working_side=512),
    "one pixel": DecodeRequest(working_side=1),
    "part": DecodeRequest(working_side=64, region=Region(0.31, 0.2, 0.43, 0.11)),
    "full": DecodeRequest(full=True),
    "sliver": DecodeRequest(working_side=64, region=Region(0.5, 0, 0.001, 1)),
}


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "HEIF"])  # nothing here packs it
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_the_decoder_answers_passes(kind, size):
    data = encoded(scene(*size), kind)
    for request in REQUESTS.values():
        answers.check(decode(data, request), request)


@pytest.mark.parametrize("name", ODD)
def test_what_the_decoder_answers_to_odd_pictures_passes(name):
    for request in REQUESTS.values():
        answers.check(decode(ODD[name][0], request), request)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_the_decoder_answers_to_turned_pictures_passes(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(scene(1303, 533), "JPEG", exif=exif)
    for request in REQUESTS.values():
        answers.check(decode(data, request), request)


@pytest.mark.parametrize(
    "refusal",
    [
        ("unsupported", "decoders_busy", "Wait."),
        ("unsupported", "storage_full", "No room."),
        ("too_large", "quota_exceeded", "No."),
        ("unsupported", "picture_damaged", ""),
        ("unsupported", "picture_damaged", "Write to\nsomebody."),
        ("unsupported", "picture_damaged", "a\0b"),
        ("unsupported", "picture_damaged", "x" * 301),
        ("exec", "picture_damaged", "No."),
    ],
)
def test_a_refusal_for_another_reason_or_without_a_sentence_is_none(refusal):
    header = dict(zip(("refusal", "code", "message"), refusal, strict=True))
    with pytest.raises(wire.BrokenError):
        answers.read(wire.Message(header), UPLOAD)


@pytest.mark.parametrize(("kind", "code"), [(TooLarge, "image_too_large"), (UnsupportedPicture, "format_not_allowed")])
def test_a_refusal_is_given_on(kind, code):
    with pytest.raises(kind, match="Why") as caught:
        answers.read(wire.refusal_message(kind("Why.", code=code)), UPLOAD)
    assert caught.value.code == code


LIAR = "; ".join([
    "from retrieval.ingest.child import main", "from tests.ingest.test_answers import lie", "main(lie)",
])  # fmt: skip


def lie(data, request):
    """Decode as usual, but answer a page in the place of a thumbnail; runs in a child."""
    true = decode(data, request)
    return replace(true, thumbnails=dict.fromkeys(true.thumbnails, b"<script>alert(1)</script>"))


def test_a_child_that_lies_is_ended_and_its_answer_is_none(monkeypatch):
    child = Child(ChildLimits(program=LIAR))
    with pytest.raises(EndedError):
        child.ask(sample(), UPLOAD)
    assert not child.alive
    monkeypatch.setattr(process.answers, "check", lambda decoded, request: None)
    child = Child(ChildLimits(program=LIAR))
    assert set(child.ask(sample(), UPLOAD).thumbnails.values()) == {b"<script>alert(1)</script>"}
    child.stop()


def test_limits_of_the_request_hold_for_the_answer():
    tight = replace(UPLOAD, limits=PictureLimits(pixels=1_000, jpeg_pixels=1_000))
    with pytest.raises(LieError):
        answers.check(TRUE, tight)
