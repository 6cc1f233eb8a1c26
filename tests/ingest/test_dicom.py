"""Medical pictures: window and level, inverted, signed, colours, packed, frames; patients told apart, not named."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import dicom as room
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, Part, PictureLimits
from tests.ingest.dicoms import dicom, ramp

WANTED = DecodeRequest(working_side=512)


def grey(data, page=1):
    return decode(data, DecodeRequest(512, part=Part(page))).pixels[:, :, 0].astype(int)


def by_hand(value, centre, width):
    """PS3.3, C.11.2.1.2.1, one value at a time."""
    if value <= centre - 0.5 - (width - 1) / 2:
        return 0
    if value > centre - 0.5 + (width - 1) / 2:
        return 255
    return ((value - (centre - 0.5)) / (width - 1) + 0.5) * 255


@pytest.mark.parametrize(("centre", "width"), [(40, 400), (0, 1), (-600, 1500), (1000.5, 2.5)])
def test_the_window_is_that_of_the_standard(centre, width):
    values = np.arange(-1200, 1200, 7.0)
    wanted = [by_hand(value, centre, width) for value in values]
    assert np.abs(room.windowed(values, centre, width) - np.array(wanted)).max() <= 0.5


def test_signed_samples_are_rescaled_and_windowed():
    samples = ramp(np.int16, low=-1000, high=1000)
    tags = {"WindowCenter": [40, 500], "WindowWidth": [400, 2000], "RescaleSlope": 2, "RescaleIntercept": -10}
    wanted = room.windowed(samples * 2.0 - 10, 40, 400)
    assert np.array_equal(grey(dicom(samples, **tags)), wanted)
    assert np.array_equal(grey(dicom(samples, kind="MONOCHROME1", **tags)), 255 - wanted)


def test_without_a_window_the_range_in_use_is_shown():
    shown = grey(dicom(ramp(np.int16, low=-1000, high=3000)))
    assert (shown.min(), shown.max()) == (0, 255)
    assert np.array_equal(grey(dicom(ramp(), kind="MONOCHROME1")), 255 - grey(dicom(ramp())))


def test_colours_and_packed_samples_are_read():
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(decode(dicom(colours, kind="RGB"), WANTED).pixels, colours)
    assert np.array_equal(grey(dicom(ramp(), packed=True)), grey(dicom(ramp())))


def test_each_frame_is_a_page():
    frames = np.stack([ramp(), ramp()[::-1], ramp()[:, ::-1]])
    data = dicom(frames)
    assert decode(data, WANTED).pages == 3
    assert [np.array_equal(grey(data, n + 1), frames[n]) for n in range(3)] == [True] * 3
    with pytest.raises(UnsupportedPicture):
        grey(data, 4)


def test_patients_are_told_apart_and_not_named():
    one, again, other, nobody = (
        decode(dicom(ramp(), patient=name), WANTED).subject for name in ("A-1", "A-1", "A-2", "")
    )
    assert (one == again, one == other, nobody) == (True, False, b"")
    assert len(one) == 32
    assert b"A-1" not in one


HOSTILE = {
    "a million frames": dicom(ramp(), NumberOfFrames=1_000_000),
    "more frames than there are": dicom(ramp(), NumberOfFrames=20),
    "more rows than there are": dicom(ramp(), Rows=9_000),
    "more pixels than allowed": dicom(ramp(), Rows=15_000, Columns=15_000),
    "no rows": dicom(ramp(), Rows=0),
    "cut": dicom(ramp())[:-500],
    "cut in its tags": dicom(ramp())[:300],
    "a length beyond the end": dicom(ramp()).replace(b"LO\x00\x00", b"LO\xff\xff", 1),
    "mark alone": bytes(128) + b"DICM",
    "packed in an unknown way": dicom(ramp()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"),
    "13 bits in 8": dicom(ramp(), BitsStored=13),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_a_reason(name):
    with pytest.raises(RetrievalError) as caught:
        decode(HOSTILE[name], DecodeRequest(512, limits=PictureLimits(pages=30)))
    assert caught.value.code in {"picture_damaged", "too_many_pages", "image_too_large", "dicom_kind_not_read"}
    if name == "a million frames":
        assert isinstance(caught.value, TooLarge)
    if name == "packed in an unknown way":
        assert caught.value.code == "dicom_kind_not_read"


def test_without_the_package_a_dicom_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr(room, "pydicom", None)
    with pytest.raises(UnsupportedPicture, match="make extras"):
        decode(dicom(ramp()), WANTED)
