"""What files say of themselves: read from EXIF, IPTC and XMP, bounded, and never a reason to refuse a picture."""

from __future__ import annotations

import io
from dataclasses import asdict

import pytest
from PIL import Image, TiffImagePlugin

from retrieval.ingest import facts, metadata
from retrieval.ingest.facts import Facts

ROOT = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
XMP = (
    ROOT + "<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/'>"
    "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>A robin</rdf:li></rdf:Alt></dc:title>"
    "<dc:description><rdf:Alt><rdf:li>In the\ngarden</rdf:li></rdf:Alt></dc:description>"
    "<dc:subject><rdf:Bag><rdf:li>bird</rdf:li><rdf:li>red</rdf:li><rdf:li>bird</rdf:li></rdf:Bag></dc:subject>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def written(kind="JPEG", *, exif=None, xmp="", **more):
    file, tags = io.BytesIO(), Image.Exif()
    for tag, value in (exif or {}).items():
        if isinstance(value, dict):
            tags.get_ifd(tag).update(value)
        else:
            tags[tag] = value
    Image.new("RGB", (8, 6)).save(file, kind, exif=tags, **({"xmp": xmp.encode()} if xmp else {}), **more)
    return file.getvalue()


def third(*parts):
    return tuple(TiffImagePlugin.IFDRational(*part) for part in parts)


TAKEN = {0x9003: "2024:05:06 07:08:09", 0x9011: "+02:00"}
NORTH = {1: "S", 2: third((33, 1), (51, 1), (3600, 100)), 3: "E", 4: third((151, 1), (12, 1), (0, 1))}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_camera_s_words_are_read_in_every_format(kind):
    exif = {0x010F: "Canon\0", 0x0110: "Canon EOS R5", 0x8769: TAKEN, 0x8825: NORTH}
    found = metadata.read(written(kind, exif=exif))
    assert found.taken_at == "2024-05-06T07:08:09+02:00"
    assert found.camera == "Canon EOS R5"
    assert found.place == pytest.approx((-33.86, 151.2))
    assert found.moment.utcoffset().total_seconds() == 7200


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        ({0x9003: "2024:05:06 07:08:09"}, "2024-05-06T07:08:09"),
        ({0x9003: "0000:00:00 00:00:00", 0x9004: "2023:01:02 03:04:05"}, "2023-01-02T03:04:05"),
        ({0x9003: "2024:13:06 07:08:09"}, ""),
        ({0x9003: "yesterday"}, ""),
        ({0x9003: "2024:05:06 07:08:09", 0x9011: "+99:99"}, ""),
        ({0x9003: "0999:05:06 07:08:09"}, ""),
    ],
)
def test_a_moment_is_one_or_none(photo, told):
    assert metadata.read(written(exif={0x8769: photo})).taken_at == told


def test_make_and_model_are_told_apart():
    assert metadata.read(written("TIFF", exif={0x010F: "Canon", 0x0110: "Canon EOS R5"})).camera == "Canon EOS R5"
    assert metadata.read(written(exif={0x010F: "NIKON CORPORATION", 0x0110: "NIKON D850"})).camera == "NIKON D850"
    assert metadata.read(written(exif={0x010F: "Apple", 0x0110: "iPhone 15"})).camera == "Apple iPhone 15"


def test_words_are_those_of_xmp_once_each():
    found = metadata.read(written(xmp=XMP))
    assert (found.title, found.caption, found.keywords) == ("A robin", "In the\ngarden", ("bird", "red"))


def test_a_place_of_nothing_is_none():
    zero = {1: "N", 2: third((0, 1), (0, 1), (0, 1)), 3: "E", 4: third((0, 1), (0, 1), (0, 1))}
    assert metadata.read(written(exif={0x8825: zero})).place is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no picture", written(xmp="<broken"), written(xmp="<!DOCTYPE a [<!ENTITY b 'c'>]>" + XMP),
        written(exif={0x8825: {1: "N", 2: third((1, 0), (0, 1), (0, 1)), 3: "E", 4: third((0, 1), (0, 1), (0, 1))}}),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_nothing(data):
    assert metadata.read(data) == facts.NOTHING


@pytest.mark.parametrize(
    "lie",
    [
        {"camera": "x" * 201}, {"camera": 1}, {"title": "a\0"}, {"caption": "x" * 5001}, {"taken_at": "today"},
        {"taken_at": "9999-01-01T00:00:00"}, {"place": [91, 0]}, {"place": [float("nan"), 0]}, {"place": "ab"},
        {"keywords": ["a"] * 101}, {"keywords": [1]}, {"title": "\ud800"},
    ],
)  # fmt: skip
def test_a_lie_of_the_child_is_no_answer(lie):
    with pytest.raises((ValueError, TypeError, LookupError)):
        facts.read({**asdict(Facts()), **lie})
