"""Files made to take long are refused by counting, before a decoder sees them; honest ones pass."""

from __future__ import annotations

import pytest
from PIL import Image

from retrieval.errors import RetrievalError, TooLarge
from retrieval.ingest import decode as decoder
from retrieval.ingest import structure
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.structure import require_quick
from tests.ingest import slow
from tests.ingest.pictures import FORMATS, encoded, sample

# Each has a little more of something than is read, in a picture so small that decoding it is quick all the same.
SLOW = {
    "JPEG scans": slow.jpeg_scans(structure.MOST_SCANS + 1),
    "JPEG scans with an end in a comment": slow.jpeg_scans(
        structure.MOST_SCANS + 1, between=b"\xff\xfe\x00\x04" + slow.END_OF_IMAGE
    ),
    "JPEG segments": slow.jpeg_segments(structure.MOST_SEGMENTS + 1),
    "JPEG segments without a length": slow.jpeg_scans(6, extra=b"\xff\xd0" * (structure.MOST_SEGMENTS + 1)),
    "JPEG filling": slow.jpeg_scans(6, extra=b"\xff" * (structure.MOST_BETWEEN + 1)),
    "JPEG stuffing": slow.jpeg_scans(6, extra=b"\xff\0" * (structure.MOST_BETWEEN // 2 + 1)),
    "PNG chunks": slow.png_chunks(structure.MOST_OTHER_CHUNKS + 1),
    "PNG empty parts of the picture": slow.png_chunks(structure.MOST_CHUNKS, kind=b"IDAT"),
    "GIF comment": slow.gif_comment(structure.MOST_SUB_BLOCKS + 1, length=1),
    "BMP runs": slow.bmp_runs((1000, 3), runs=structure.MOST_RUN_BYTES // 2),
    "TIFF strips": slow.tiff((16, 16), pieces=structure.MOST_PIECES + 1),
    "TIFF tiles": slow.tiff((16, 16), pieces=structure.MOST_PIECES + 1, tile=16),
    "TIFF tags": slow.tiff_tags(structure.MOST_TAGS, length=10),
}
HONEST = {
    **{kind: sample(kind) for kind in FORMATS},
    "progressive JPEG": encoded(Image.new("RGB", (64, 48)), "JPEG", progressive=True),
    "JPEG of all scans that are read": slow.jpeg_scans(structure.MOST_SCANS),
    "JPEG with its own small picture": slow.jpeg_scans(
        10, extra=b"\xff\xe1\x03\x22" + slow.START_OF_SCAN * (4 * structure.MOST_SCANS)
    ),
    "interlaced PNG": encoded(Image.new("RGB", (64, 48)), "PNG", interlace=True),
    "animated PNG": encoded(
        Image.new("L", (8, 8)), "PNG", save_all=True, append_images=[Image.new("L", (8, 8), n) for n in range(200)]
    ),
    "animated GIF": encoded(
        Image.new("L", (8, 8)), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), n) for n in range(200)]
    ),
    "TIFF in strips": encoded(Image.new("L", (64, 2_000)), "TIFF", compression="tiff_lzw"),
    "big TIFF": encoded(Image.new("L", (64, 48)), "TIFF", big_tiff=True),
}


@pytest.mark.parametrize("name", SLOW)
def test_what_would_take_long_is_refused_with_its_reason(name):
    with pytest.raises(TooLarge) as caught:
        decode(SLOW[name], DecodeRequest(working_side=16))
    assert caught.value.code == "picture_too_slow"


@pytest.mark.parametrize(
    "name", ["JPEG scans", "JPEG segments", "PNG chunks", "TIFF strips", "TIFF tags", "GIF comment"]
)
def test_without_the_count_the_decoder_does_all_of_it(name, monkeypatch):
    monkeypatch.setattr(decoder, "require_quick", lambda data: None)
    assert decode(SLOW[name], DecodeRequest(working_side=16)).width in {8, 16, 64}


@pytest.mark.parametrize("name", HONEST)
def test_honest_files_pass(name):
    require_quick(HONEST[name])
    assert decode(HONEST[name], DecodeRequest(working_side=16)).pixels.size


def test_fewer_scans_are_read_of_a_larger_picture(monkeypatch):
    data = slow.jpeg_scans(50, size=(64, 64))
    require_quick(data)
    monkeypatch.setattr(structure, "MOST_SCANNED_PIXELS", 49 * 64 * 64)
    with pytest.raises(TooLarge, match="49 are read"):
        require_quick(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_off_anywhere_is_the_decoder_s_to_refuse(kind):
    data = sample(kind)
    for length in range(0, len(data), 7):
        require_quick(data[:length])


# Half of the scans that say the same again are not missed.
@pytest.mark.parametrize("name", sorted(set(SLOW) - {"JPEG scans"}))
def test_one_cut_off_is_refused_one_way_or_the_other(name):
    data = SLOW[name]
    with pytest.raises(RetrievalError):
        decode(data[: len(data) // 3], DecodeRequest(working_side=16))
