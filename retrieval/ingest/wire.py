"""Messages between the sandbox and its children: a length, a JSON header, raw parts; never anything pickled."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import facts
from retrieval.ingest.picture import Decoded, DecodeRequest, Part, PictureLimits, Region

PREFIX = struct.Struct("!I")
MOST_HEADER, MOST_PARTS, MOST_IN_COUNT = 256 * 1024, 128 * 1024 * 1024, 16
# What reading a made-up header can raise: endless nesting and numbers too large for an int among it.
UNREADABLE = (ValueError, LookupError, TypeError, OverflowError, RecursionError)
REFUSALS: Mapping[str, type[RetrievalError]] = {"too_large": TooLarge, "unsupported": UnsupportedPicture}


class BrokenError(Exception):
    """The other side has gone, or what it sent is no message."""


@dataclass(frozen=True)
class Message:
    """A small header and raw parts."""

    header: Mapping[str, Any]
    parts: Sequence[bytes | bytearray | memoryview] = field(default_factory=list)


def send(channel: socket.socket, message: Message) -> None:
    """Write one message; raises OSError when the other side has gone."""
    views = [memoryview(part) for part in message.parts]
    header = json.dumps({**message.header, "parts": [view.nbytes for view in views]}).encode()
    channel.sendall(PREFIX.pack(len(header)) + header)
    for view in views:
        channel.sendall(view)


def receive(channel: socket.socket, *, deadline: float | None = None) -> Message:
    """Read one message; ``deadline`` is on the monotonic clock.

    Raises TimeoutError at the deadline and BrokenError when the other side has gone or talks nonsense. Lengths are
    checked before any room is made for them.
    """
    (length,) = PREFIX.unpack(_read(channel, PREFIX.size, deadline))
    if length > MOST_HEADER:
        raise BrokenError("header too long")
    try:
        header = json.loads(_read(channel, length, deadline))
        lengths = [int(part) for part in header["parts"]]
    except UNREADABLE as error:
        raise BrokenError("header unreadable") from error
    if min(lengths, default=0) < 0 or sum(lengths) > MOST_PARTS or len(lengths) > MOST_IN_COUNT:
        raise BrokenError("parts too long")
    return Message(header, [_read(channel, part, deadline) for part in lengths])


def _read(channel: socket.socket, length: int, deadline: float | None) -> bytearray:
    data = bytearray(length)
    view, got = memoryview(data), 0
    while got < length:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 0.001))
        count = channel.recv_into(view[got:])
        if count == 0:
            raise BrokenError("the other side has gone")
        got += count
    return data


def request_message(data: bytes, request: DecodeRequest) -> Message:
    """Write a request for one file."""
    return Message(asdict(request), [data])


def read_request(message: Message) -> tuple[bytes, DecodeRequest]:
    """Return the file and the request; the opposite of ``request_message``."""
    header = message.header
    request = DecodeRequest(
        working_side=header["working_side"],
        thumbnail_sizes=tuple(header["thumbnail_sizes"]),
        region=Region(**header["region"]) if header["region"] else None,
        part=Part(**header["part"]),
        limits=PictureLimits(**header["limits"]),
        full=header["full"],
    )
    return bytes(message.parts[0]), request


def decoded_message(decoded: Decoded) -> Message:
    """Write a decoded picture."""
    header = {
        "shape": decoded.pixels.shape,
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "placeholder": decoded.placeholder,
        "pages": decoded.pages,
        "subject": decoded.subject.hex(),
        "second": decoded.second,
        "scenes": decoded.scenes,
        "sizes": list(decoded.thumbnails),
        "facts": asdict(decoded.facts),
    }
    pixels = np.ascontiguousarray(decoded.pixels)
    return Message(header, [pixels.data, decoded.pdq, decoded.full, *decoded.thumbnails.values()])


def refusal_message(error: RetrievalError) -> Message:
    """Write why the file was refused."""
    kind = "too_large" if isinstance(error, TooLarge) else "unsupported"
    return Message({"refusal": kind, "code": error.code, "message": error.message})


def read_answer(message: Message) -> Decoded:
    """Return the decoded picture; raises the refusal that it carries, or BrokenError when it does not hold together."""
    header, parts = message.header, message.parts
    try:
        if "refusal" in header:
            raise REFUSALS[header["refusal"]](str(header["message"]), code=str(header["code"]))
        pixels = np.frombuffer(parts[0], dtype=np.uint8).reshape(*map(int, header["shape"]))
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise BrokenError("pixels of a wrong shape")
        return Decoded(
            pixels,
            width=int(header["width"]),
            height=int(header["height"]),
            format=str(header["format"]),
            placeholder=str(header["placeholder"]),
            pdq=bytes(parts[1]),
            full=bytes(parts[2]),
            pages=int(header["pages"]),
            subject=bytes.fromhex(header["subject"]),
            second=None if header["second"] is None else float(header["second"]),
            scenes=tuple(map(float, header["scenes"])),
            facts=facts.read(header["facts"]),
            thumbnails={int(size): bytes(part) for size, part in zip(header["sizes"], parts[3:], strict=True)},
        )
    except UNREADABLE as error:
        raise BrokenError("answer unreadable") from error
