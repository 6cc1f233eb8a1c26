"""Pages of PDF and TIFF: each is drawn by itself; loops, lies, passwords and damage are refused with a reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import decode as decoder
from retrieval.ingest import tiff
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, Part, PictureLimits
from tests.ingest.pictures import encoded, scene

LIMITS = PictureLimits(pages=20)


def page(data, number=1, **options):
    return decode(data, DecodeRequest(512, part=Part(number), limits=LIMITS, **options))


def paged(kind, pages=3, **options):
    first, *others = [scene(90, 60, seed=seed) for seed in range(pages)]
    return encoded(first, kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("big", [False, True])
def test_each_page_of_a_tiff_is_read(big):
    data = paged("TIFF", big_tiff=big)
    for number in (1, 2, 3):
        found = page(data, number)
        assert (found.pages, found.width, found.height) == (3, 90, 60)
        assert np.array_equal(found.pixels, np.asarray(scene(90, 60, seed=number - 1)))
    with pytest.raises(UnsupportedPicture):
        page(data, 4)


def test_smaller_versions_and_masks_are_no_pages():
    data = bytearray(paged("TIFF"))
    second = tiff.pages(bytes(data), most=9)[1]
    (count,) = struct.unpack_from("<H", data, second)
    rows = [data[second + 2 + 12 * n : second + 14 + 12 * n] for n in range(count)]
    # The directory anew at the end, with one tag more.
    rows.insert(0, bytearray(struct.pack("<HHII", 254, 4, 1, 1)))
    (following,) = struct.unpack_from("<I", data, second + 2 + 12 * count)
    at = len(data)
    data += struct.pack("<H", len(rows)) + b"".join(rows) + struct.pack("<I", following)
    first = tiff.first_directory(bytes(data))
    (tags,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * tags, at)
    assert page(bytes(data)).pages == 2


def test_a_chain_that_comes_back_to_itself_ends():
    data = bytearray(paged("TIFF"))
    places = tiff.pages(bytes(data), most=9)
    (tags,) = struct.unpack_from("<H", data, places[2])
    struct.pack_into("<I", data, places[2] + 2 + 12 * tags, places[0])
    assert page(bytes(data)).pages == 3


def test_a_document_of_more_pages_than_the_limit_is_refused():
    for kind in ("TIFF", "PDF"):
        with pytest.raises(TooLarge) as caught:
            page(paged(kind, pages=21))
        assert caught.value.code == "too_many_pages"


def test_each_page_of_a_pdf_is_drawn_with_200_dots_per_inch():
    data = paged("PDF", resolution=100.0)
    for number in (1, 2, 3):
        found = page(data, number)
        assert (found.pages, found.format) == (3, "PDF")
        assert (found.width, found.height) == pytest.approx((180, 120), abs=1)
        small = found.pixels[:120:2, :180:2].astype(int)  # a fraction of a point may round up to one more
        assert np.abs(small - np.asarray(scene(90, 60, seed=number - 1)).astype(int)).mean() < 25
    assert not np.array_equal(page(data, 1).pixels, page(data, 2).pixels)


def pdf(body, *, root=b"1 0 R", more=b""):
    return b"%PDF-1.4\n" + body + b"\ntrailer<</Root " + root + more + b">>\n%%EOF\n"


LOOPED = pdf(b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 3>>endobj")
LYING = pdf(b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 2000000000>>endobj")
HUGE = pdf(
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e9 1e9]>>endobj"
)
MANY = pdf(
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 10000/Kids["
    + b"3 0 R " * 10_000
    + b"]>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 60]>>endobj"
)
LOCKED = pdf(
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj 5 0 obj<</Filter/Standard"
    b"/V 1/R 2/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">/P -4>>endobj",
    more=b"/Encrypt 5 0 R/ID[<00><00>]",
)  # fmt: skip


@pytest.mark.parametrize(
    "data", [LOOPED, LYING, pdf(b""), paged("PDF")[:500], b"%PDF-1.7"], ids=["looped", "lying", "empty", "cut", "head"]
)
def test_hostile_documents_are_refused_with_a_reason(data):
    with pytest.raises(RetrievalError) as caught:
        page(data)
    assert caught.value.code in {"picture_damaged", "too_many_pages"}


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_without_the_look_at_its_head_a_document_has_as_many_pages_as_it_says(monkeypatch, kind):
    data = paged("TIFF", pages=21) if kind == "TIFF" else MANY
    with pytest.raises(TooLarge):
        page(data)
    monkeypatch.setattr(decoder, "_check_header", lambda opened, limits: None)
    assert page(data).pages == (21 if kind == "TIFF" else 10_000)


def test_a_page_of_any_size_is_drawn_within_bounds():
    found = page(HUGE)
    assert max(found.width, found.height) <= 4_000


def test_a_document_with_a_password_is_refused_by_name():
    with pytest.raises(UnsupportedPicture) as caught:
        page(LOCKED)
    assert caught.value.code == "pdf_encrypted"
