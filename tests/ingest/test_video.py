"""Videos: their scenes with their seconds, in each container; bounded, turned, and refused with a reason."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import decode as decoder
from retrieval.ingest import video as room
from retrieval.ingest import video_facts
from retrieval.ingest.decode import decode
from retrieval.ingest.facts import Facts
from retrieval.ingest.picture import DecodeRequest, Part, PictureLimits
from tests.ingest.pictures import scene
from tests.ingest.videos import CODECS, NAMES, RATE, SCENES, SIZE, drawn, needs_av, sound, video

UPLOAD = DecodeRequest(thumbnail_sizes=(32,))


def upload(data, **limits):
    return decode(data, DecodeRequest(thumbnail_sizes=(32,), limits=PictureLimits(**limits)))


def shown(data, second, **options):
    return decode(data, DecodeRequest(512, part=Part(2, 3, second), **options))


def away(pixels, seed, size=SIZE):
    return np.abs(pixels - np.asarray(scene(*size, seed=seed)).astype(int)).mean()


@needs_av
@pytest.mark.parametrize("kind", CODECS)
def test_each_scene_is_found_and_shown_by_its_second(kind):
    data = video(kind=kind)
    found = upload(data)
    assert (found.format, found.pages, found.second) == (NAMES.get(kind, kind.upper()), 3, 0.0)
    assert found.scenes == pytest.approx((0, 3, 7), abs=1 / RATE)
    for seed, second in zip(SCENES, found.scenes, strict=True):
        one = shown(data, second)
        assert (one.second, one.scenes, one.pages) == (second, (), 3)
        assert away(one.pixels, seed) < 15
    assert away(decode(data, DecodeRequest(512)).pixels, 1) < 15  # a query is its first scene


@needs_av
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("webm", {"live": "1"}),  # as browsers record: without a length or an index
        ("mpegts", {"mpegts_m2ts_mode": "1"}),
    ],
)
def test_other_ways_of_writing_a_container_are_read_alike(kind, options):
    data = video(kind=kind, options=options)
    assert upload(data).scenes == pytest.approx((0, 3, 7))
    assert away(shown(data, 3.0).pixels, 2) < 15


@needs_av
def test_a_frame_lasts_as_long_as_its_time_says():
    times = [0, 40, 80, 120, 9_000, 9_700, 9_900, 9_950, 60_000, 60_001, 60_002, 61_000]
    frames = [np.asarray(scene(*SIZE, seed=seed)) for seed in (1, 2, 3) for _ in range(RATE)]
    assert upload(video(frames, times=times)).scenes == pytest.approx((0, 9, 60), abs=0.01)


@needs_av
@pytest.mark.parametrize(("turned", "size"), [(90, (64, 96)), (-90, (64, 96)), (180, SIZE)])
def test_a_turned_video_is_shown_upright(turned, size):
    found = decode(video(drawn({1: 1}), turned=turned), DecodeRequest(512))
    assert (found.width, found.height) == size
    upright = np.rot90(np.asarray(scene(*SIZE, seed=1)).astype(int), turned // 90)
    assert np.abs(found.pixels - upright).mean() < 15


@needs_av
def test_pixels_that_are_not_square_are_made_so():
    found = upload(video(drawn({1: 1}), "matroska", shape=(2, 1)))
    assert (found.width, found.height) == (2 * SIZE[0], SIZE[1])


@needs_av
def test_a_scene_was_taken_when_the_video_began_and_as_much_later():
    tags = {"creation_time": "2024-05-06T05:08:09Z", "location": "+48.1371+011.5754/", "title": "Grüße"}
    found = upload(data := video(tags=tags)).facts
    assert (found.taken_at, found.place, found.title) == ("2024-05-06T05:08:09+00:00", (48.1371, 11.5754), "Grüße")
    scene = decode(data, DecodeRequest(thumbnail_sizes=(32,), part=Part(3, 3, 7.0)))
    assert scene.facts.taken_at == "2024-05-06T05:08:16+00:00"
    assert upload(data.replace("Grüße".encode(), b"Gr\xfc\xdf\xff\xff")).pages == 3  # tags that are no UTF-8


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"creation_time": "1904-01-01T00:00:00Z"}, Facts()),
        ({"creation_time": "1970-01-01T00:00:01Z"}, Facts()),
        ({"creation_time": "yesterday", "location": "home"}, Facts()),
        ({"creation_time": "9999-12-31T23:59:59Z"}, Facts()),
        ({"location": "+95.0+011.5/"}, Facts()),
        ({"location": "+00.0000+000.0000/"}, Facts()),
        (
            {
                "creation_time": "2024-05-06T05:08:09Z", "com.apple.quicktime.creationdate": "2024-05-06T07:08:09+0200",
                "com.apple.quicktime.location.ISO6709": "-33.8600+151.2094+010.0/",
                "com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 15",
            },
            Facts("2024-05-06T07:08:11+02:00", "Apple iPhone 15", (-33.86, 151.2094)),
        ),
        ({"com.android.model": "Pixel 8\0", "com.android.manufacturer": ""}, Facts(camera="Pixel 8")),
    ],
)  # fmt: skip
def test_what_a_video_says_of_itself(tags, found):
    assert video_facts.read(tags, second=2.9) == found


@needs_av
@pytest.mark.parametrize(("size", "colours"), [((1280, 720), "ITU709"), (SIZE, "ITU601")])
def test_colours_that_are_not_told_are_those_of_the_size(size, colours):
    red = np.full((*size[::-1], 3), (200, 40, 30), np.uint8)
    found = decode(video([red], colours=colours), DecodeRequest(16)).pixels
    assert np.abs(found.astype(int) - (200, 40, 30)).max() <= 4


@needs_av
def test_a_dark_beginning_is_no_scene():
    dark = [np.zeros((*SIZE[::-1], 3), np.uint8)] * RATE
    assert upload(video([*dark, *drawn({1: 2})])).scenes == pytest.approx((1,))
    assert upload(video(dark)).scenes == (0,)


@needs_av
def test_looks_and_scenes_are_bounded():
    data = video()
    assert len(upload(data, video_scenes=2).scenes) == len(upload(data, pages=2).scenes) == 2
    assert upload(data, bytes=1_000).pages == 3
    with pytest.raises(TooLarge):
        upload(data, bytes=1_000, video_bytes=1_000)
    assert upload(data, video_looks=1).scenes == (0,)
    for most in (1, 2, 7, 600):
        times = [number / 25 for number in range(500)]
        chosen = sorted(room.spaced(times, most=most))
        assert len(chosen) <= most
        assert min(np.diff([times[number] for number in chosen]), default=1) >= 1


@needs_av
def test_more_pixels_than_the_limit_are_refused_before_any_is_decoded(monkeypatch):
    monkeypatch.setattr(room, "_decoded", None)
    with pytest.raises(TooLarge):
        upload(video(), pixels=1_000)


@needs_av
def test_without_the_look_at_its_head_a_video_of_any_size_is_decoded(monkeypatch):
    monkeypatch.setattr(decoder, "_check_header", lambda opened, limits: None)
    monkeypatch.setattr(room, "_prepared", lambda *of, limited=room._prepared: limited(*of[:2], 0))
    assert upload(video(), pixels=1_000).pages == 3


@needs_av
def test_a_frame_that_grows_beyond_the_header_is_not_decoded():
    data = video(drawn({1: 2}), "webm")
    size = struct.pack("<HH", *SIZE)
    assert size in data
    with pytest.raises(RetrievalError) as caught:
        upload(data.replace(b"\x9d\x01\x2a" + size, b"\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383)))
    assert caught.value.code in {"picture_damaged", "image_too_large"}


@needs_av
def test_a_frame_of_more_pixels_than_allowed_gets_no_memory():
    film = room.Film(video())
    for most, frames in ((100, 0), (10_000, 9)):
        found = 0
        with suppress(ValueError), film._stream(most_pixels=most) as stream:
            found = sum(room._decoded(packet) is not None for packet in room._key_packets(stream))
        assert found == frames


@needs_av
def test_no_other_demuxer_is_asked_than_that_of_its_beginning(monkeypatch):
    data = video()
    monkeypatch.setattr(room, "kind_of", lambda _: "AVI")
    with pytest.raises(UnsupportedPicture):
        upload(data)


def promising(data, frames):
    """The MP4 with a table of so many frames, which are not there."""
    data = bytearray(data)
    at = data.index(b"stsz")
    struct.pack_into(">II", data, at + 8, 9, frames)
    struct.pack_into(">I", data, data.index(b"stts") + 12, frames)
    return bytes(data)


@needs_av
def test_hostile_videos_are_refused_with_a_reason_or_right():
    whole = video()
    samples = {
        "cut before its index": whole[: len(whole) // 2],
        "nothing but its head": whole[:40],
        "a million frames": promising(whole, 1_000_000),
        "four thousand million frames": promising(whole, 2**32 - 1),
        "no frame": promising(whole, 0),
        "zeroes": whole[:2_000] + bytes(len(whole)),
        "sound": sound(),
        "sound with a cover": sound(cover=True),
        "no time": whole.replace(b"mdhd", b"mdhx"),
    }
    codes = {}
    for name, data in samples.items():
        try:
            codes[name] = upload(data).pages
        except RetrievalError as error:
            codes[name] = error.code
    assert codes["sound"] == codes["sound with a cover"] == "sound_not_read"
    assert set(codes.values()) <= {"picture_damaged", "sound_not_read", 1, 2, 3}, codes
    assert codes["cut before its index"] == codes["nothing but its head"] == codes["no frame"] == "picture_damaged"


@needs_av
def test_of_a_cut_stream_the_scenes_before_the_cut_are_read():
    data = video(kind="mpegts")
    assert upload(data[: len(data) * 3 // 5]).scenes == pytest.approx((0, 3))


@needs_av
def test_a_second_at_which_nothing_is_shown_is_refused():
    for second in (0.1, 1e9, float("nan")):
        with pytest.raises(UnsupportedPicture):
            shown(video(), second)


@needs_av
@pytest.mark.parametrize("data", [b"FLV\1" + bytes(99), b"0&\xb2u\x8ef\xcf\x11" + bytes(99)])
def test_a_video_of_another_kind_is_called_that(data):
    with pytest.raises(UnsupportedPicture) as caught:
        upload(data)
    assert caught.value.code == "video_kind_not_read"


@needs_av
def test_a_codec_that_is_not_on_the_list_is_not_opened(monkeypatch):
    data = video()
    monkeypatch.setattr(room, "DECODERS", ("vp8",))
    with pytest.raises(UnsupportedPicture) as caught:
        upload(data)
    assert caught.value.code == "video_kind_not_read"


def test_without_the_package_a_video_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr(room, "av", None)
    for head in (b"\0\0\0\x14ftypisom", b"\0\0\x10\0moov", b"\0\0\1\xba", (b"\x47" + bytes(187)) * 3):
        with pytest.raises(UnsupportedPicture, match="make extras-video") as caught:
            upload(head + bytes(99))
        assert caught.value.code == "video_not_read"
