"""Sends an answer in pieces, to a client that has to fetch each of them in time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from imagesearch.front.bounds import Bounds
from imagesearch.front.bridge import Answer, Headers

Send = Callable[[dict[str, Any]], Awaitable[None]]
CLOSE = (b"connection", b"close")


class NotFetched(Exception):
    """The client takes its answer too slowly."""


async def send_answer(answer: Answer, send: Send, *, bounds: Bounds, disk: Executor) -> None:
    """Send head and body. Raises NotFetched when a piece is not taken at the least rate, or all takes too long."""
    ends = asyncio.get_running_loop().time() + bounds.answer_seconds
    await send({"type": "http.response.start", "status": answer.status, "headers": _with_length(answer)})
    async for piece in _pieces(answer, size=int(bounds.least_rate * bounds.window), disk=disk):
        try:
            async with asyncio.timeout_at(min(ends, asyncio.get_running_loop().time() + bounds.window)):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise NotFetched from None
    await send({"type": "http.response.body", "body": b""})


async def _pieces(answer: Answer, *, size: int, disk: Executor) -> AsyncIterator[bytes]:
    if answer.reader is not None:
        while piece := await asyncio.get_running_loop().run_in_executor(disk, answer.reader.read, size):
            yield piece
        return
    if answer.file is None:
        for start in range(0, len(answer.body), size):
            yield answer.body[start : start + size]
        return
    loop, at, left = asyncio.get_running_loop(), answer.offset, answer.length
    while left:
        piece = await loop.run_in_executor(disk, os.pread, answer.file, size if left < 0 else min(size, left), at)
        if not piece:
            return
        at, left = at + len(piece), left if left < 0 else left - len(piece)
        yield piece


def _with_length(answer: Answer) -> Headers:
    """Say how long the body is where the application did not: so nothing has to be sent in chunks."""
    known = any(name == b"content-length" for name, _ in answer.headers)
    length = len(answer.body) if answer.file is None and answer.reader is None else answer.length
    if known or length < 0 or answer.status in {204, 304}:
        return answer.headers
    return [*answer.headers, (b"content-length", str(length).encode())]
