"""The threads that Django works in, and the short line in front of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imagesearch.front.bounds import Bounds

T = TypeVar("T")


class Busy(Exception):
    """All threads work, and the line is full or does not move."""


class Gone(Exception):
    """The client left before its turn came."""


class Seats:
    """So many threads; nobody is in the pool's own line, as ours is bounded and left by those whose client is gone."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.free = bounds.threads
        self.line: deque[asyncio.Future[None]] = deque()
        self.pool = ThreadPoolExecutor(bounds.threads, "request")

    async def run(self, work: Callable[[], T], *, lost: asyncio.Future[None]) -> T:
        """Do the work in a thread. Raises Busy, and Gone when ``lost`` is done before the turn comes."""
        if self.free:
            self.free -= 1
        else:
            await self._turn(lost)
        return await self._seated(work)

    async def _seated(self, work: Callable[[], T]) -> T:
        done = self.pool.submit(work)
        loop = asyncio.get_running_loop()
        done.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(self._pass_on))
        return await asyncio.wrap_future(done)

    async def _turn(self, lost: asyncio.Future[None]) -> None:
        if len(self.line) >= self.bounds.waiting:
            raise Busy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.line.append(turn)
        try:
            await asyncio.wait({turn, lost}, timeout=self.bounds.waiting_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._step_out(turn, wanted=not lost.done())
        if not turn.done():
            raise Busy
        if lost.done():
            raise Gone

    def _step_out(self, turn: asyncio.Future[None], *, wanted: bool) -> None:
        """Leave the line; a seat that came at the same moment and is not wanted any more goes to the next."""
        if not turn.done():
            self.line.remove(turn)
        elif not wanted:
            self._pass_on()

    def _pass_on(self) -> None:
        if self.line:
            self.line.popleft().set_result(None)
        else:
            self.free += 1
