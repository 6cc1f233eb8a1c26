"""Messages: what a hostile child could send is refused before room is made for it."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict

import numpy as np
import pytest

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import wire
from retrieval.ingest.facts import NOTHING
from retrieval.ingest.picture import Decoded, DecodeRequest, Part, PictureLimits, Region


@pytest.fixture
def ends():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def raw(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return wire.PREFIX.pack(len(text)) + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        wire.PREFIX.pack(2**31),
        raw(b"no json"),
        raw(b"\xff\xfe"),
        raw([1]),
        raw({}),
        raw({"parts": "x"}),
        raw({"parts": [2**40]}),
        raw({"parts": [-1]}),
        raw({"parts": [5]}, b"abc"),
        raw(b"[" * 60_000),
        raw(b'{"parts": [1e999]}'),
        raw(b'{"parts": [' + b"9" * 60_000 + b"]}"),
        raw({"parts": [0] * 17}),
    ],
)
def test_what_is_no_message_is_refused(ends, data):
    here, there = ends
    there.sendall(data)
    there.close()
    with pytest.raises(wire.BrokenError):
        wire.receive(here)


def test_a_silent_sender_is_not_waited_for(ends):
    with pytest.raises(TimeoutError):
        wire.receive(ends[0], deadline=time.monotonic() + 0.05)


def test_a_request_arrives_as_it_was(ends):
    request = DecodeRequest(7, (320, 1280), Region(0.1, 0.2, 0.3, 0.4), PictureLimits(1, 2, 3, 4), Part(2, 3, 4.5))
    wire.send(ends[0], wire.request_message(b"bytes", request))
    assert wire.read_request(wire.receive(ends[1])) == (b"bytes", request)


def answer(**changes):
    header = {
        "shape": [1, 2, 3],
        "width": 2,
        "height": 1,
        "format": "PNG",
        "placeholder": "",
        "sizes": [320],
        "pages": 1,
        "subject": "",
        "second": None,
        "scenes": [],
        "facts": asdict(NOTHING),
    }
    return wire.Message({**header, **changes}, [b"123456", b"", b"whole", b"small"])


def test_an_answer_is_read():
    decoded = wire.read_answer(answer())
    assert decoded.pixels.tolist() == [[[49, 50, 51], [52, 53, 54]]]
    assert (decoded.full, decoded.thumbnails) == (b"whole", {320: b"small"})


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [1, 1, 3]},
        {"shape": [2, 3]},
        {"shape": None},
        {"sizes": []},
        {"width": "x"},
        {"sizes": [1, 2]},
        {"width": float("inf")},
        {"width": float("nan")},
        {"shape": [2**70, 1, 3]},
        {"sizes": [[]]},
        {"second": "x"},
        {"scenes": None},
    ],
)
def test_an_answer_that_does_not_hold_together_is_refused(changes):
    with pytest.raises(wire.BrokenError):
        wire.read_answer(answer(**changes))


def test_an_answer_of_a_picture_that_is_no_block_of_memory():
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)[::2, ::2]
    message = wire.decoded_message(Decoded(pixels, 1, 1, "PNG"))
    assert np.array_equal(wire.read_answer(message).pixels, pixels)


@pytest.mark.parametrize("kind", [TooLarge, UnsupportedPicture])
def test_a_refusal_arrives_as_it_was(kind):
    with pytest.raises(kind) as caught:
        wire.read_answer(wire.refusal_message(kind("Why.", code="because")))
    assert (caught.value.code, caught.value.message) == ("because", "Why.")


def test_an_unknown_refusal_is_broken():
    with pytest.raises(wire.BrokenError):
        wire.read_answer(wire.Message({"refusal": "exec", "code": "", "message": ""}))
