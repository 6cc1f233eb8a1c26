"""Bombs: what a header promises too much of is refused quickly and for little memory, by a real decoding child."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import TooLarge
from retrieval.ingest.picture import DecodeRequest, PictureLimits
from retrieval.ingest.process import Child, ChildLimits
from tests.ingest.pictures import bmp_header, encoded, jpeg_header, png_header, sample, webp_header

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process's peak of memory is read as Linux tells it")

BOMBS = {
    "30000x30000 PNG": png_header(30_000, 30_000),
    "65500x65500 JPEG": jpeg_header(65_500, 65_500),
    "16383x16383 WebP": webp_header(16_383, 16_383),
    "30000x30000 BMP": bmp_header(30_000, 30_000),
}
# The best of so many tries is the decoder's own time; the others also tell how busy the machine is.
TRIES = 3
MOST_SECONDS, MOST_MB = 0.2, 50
WANTED = DecodeRequest(thumbnail_sizes=(320, 1280))


@pytest.fixture
def child():
    """A child that has decoded one ordinary picture."""
    one = Child(ChildLimits())
    one.ask(sample("JPEG"), WANTED)
    yield one
    one.stop()


def peak(child):
    """The most memory that a child ever had, in MB."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def cost(child, data, request=WANTED):
    """Have it decoded; return what came of it, the seconds of the quickest try and the memory that it took."""
    before, times, end = peak(child), [], None
    for _ in range(TRIES):
        began = time.perf_counter()
        try:
            end = child.ask(data, request)
        except TooLarge as error:
            end = error
        times.append(time.perf_counter() - began)
    return end, min(times), peak(child) - before


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once_and_for_little_memory(child, figure, name):
    end, seconds, more = cost(child, BOMBS[name])
    assert getattr(end, "code", "") == "image_too_large"
    assert seconds < MOST_SECONDS
    assert more < MOST_MB
    figure(f"{name}: {1000 * seconds:.1f} ms, {more:.1f} MB more")


def test_without_the_limit_a_bomb_takes_its_memory(child):
    data = encoded(Image.new("RGB", (8_000, 8_000)), "PNG", compress_level=1)
    end, _, more = cost(child, data)
    assert isinstance(end, TooLarge)
    assert more < MOST_MB
    end, _, more = cost(child, data, DecodeRequest(thumbnail_sizes=(320,), limits=PictureLimits(pixels=10**9)))
    assert (end.width, end.height) == (8_000, 8_000)
    assert more > MOST_MB


def test_a_phone_s_largest_picture_takes_the_memory_of_a_small_one(child, figure):
    data = encoded(Image.new("L", (12_000, 9_000), 90), "JPEG")
    end, seconds, more = cost(child, data)
    assert (end.width, end.height) == (12_000, 9_000)
    assert more < MOST_MB
    figure(f"108-megapixel JPEG: {seconds:.1f} s, {more:.1f} MB more")
