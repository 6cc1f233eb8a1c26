"""Reads one body into the spool, from a client that has to keep to a least rate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from imagesearch.front.bounds import Bounds
from imagesearch.front.spool import Body

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Slow(Exception):
    """The client does not keep to the least rate, or takes too long in all."""


class Left(Exception):
    """The client went away in the middle of its request."""


@dataclass
class Pace:
    """Bytes counted in windows: each has to bring the least rate, or the end of the body."""

    bounds: Bounds
    begins: float
    ends_at: float
    came: int = 0

    def until(self) -> float:
        """Return when to look again, by the loop's clock."""
        return min(self.begins + self.bounds.window, self.ends_at)

    def check(self, now: float) -> None:
        """Begin a new window when one is over. Raises Slow."""
        if now >= self.ends_at:
            raise Slow
        if now >= self.begins + self.bounds.window:
            if self.came < self.bounds.least_rate * self.bounds.window:
                raise Slow
            self.begins, self.came = now, 0


async def read(receive: Receive, body: Body, *, seconds: float, disk: Executor) -> None:
    """Read to the end of the body. Raises Slow, Left, SpoolFull, OSError."""
    loop = asyncio.get_running_loop()
    pace = Pace(body.spool.bounds, loop.time(), loop.time() + seconds)
    more = True
    while more:
        message = await _next(receive, pace)
        if message["type"] != "http.request":
            raise Left
        data, more = message.get("body", b""), message.get("more_body", False)
        pace.came += len(data)
        if body.book(len(data)):
            await loop.run_in_executor(disk, body.add, data)
        else:
            body.add(data)
    body.store.seek(0)


async def linger(receive: Receive, *, seconds: float) -> None:
    """Throw away what a refused client goes on sending for a moment: else it would not read the answer."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass


async def _next(receive: Receive, pace: Pace) -> dict[str, Any]:
    """Return the next part, in the pace that is asked for. Raises Slow."""
    loop = asyncio.get_running_loop()
    while True:
        pace.check(loop.time())
        try:
            async with asyncio.timeout_at(pace.until()):
                return await receive()
        except TimeoutError:
            continue
