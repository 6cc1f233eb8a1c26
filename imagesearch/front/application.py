"""The ASGI application in front of Django: who may send how much, then the body, then a thread, then the answer."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import structlog

from imagesearch.front import early
from imagesearch.front.bounds import Bounds
from imagesearch.front.bridge import Answer, Environment, Wsgi, call, environment
from imagesearch.front.connection import KEY, Connection
from imagesearch.front.reading import Left, Receive, Slow, linger, read
from imagesearch.front.seats import Busy, Gone, Seats
from imagesearch.front.sending import CLOSE, NotFetched, Send, send_answer
from imagesearch.front.spool import Body, Spool, SpoolFull
from imagesearch.front.watch import refused
from retrieval.web.admission import SMALL, UNREAD, Allowance

log = structlog.get_logger(__name__)
Scope = dict[str, Any]
# What goes wrong before Django is asked, and how it is answered.
EARLY: dict[type[Exception], early.Reason] = {
    Busy: early.BUSY,
    SpoolFull: early.SPOOL_FULL,
    Slow: early.SLOW_BODY,
    OSError: early.DISK_FULL,
}


class Front:
    """Holds slow clients in the event loop. ``admit`` says of an environment how much may be sent, and by whom."""

    def __init__(self, wsgi: Wsgi, admit: Callable[[Environment], Allowance], spool: Spool) -> None:
        self.wsgi, self.admit, self.spool = wsgi, admit, spool
        self.bounds: Bounds = spool.bounds
        self.seats = Seats(spool.bounds)
        self.disk = ThreadPoolExecutor(2, "disk")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(self, scope, receive)
        try:
            if scope.get("imagesearch.crowded"):
                await request.turn_away(early.CROWDED, send)
            elif scope["path"] == "/healthz" and scope["method"] in {"GET", "HEAD"}:
                await send_answer(early.alive(), send, bounds=self.bounds, disk=self.disk)
            else:
                await request.answer(send)
        except (Gone, Left):
            refused("client left")
        except NotFetched:
            refused("slow reader")
            request.connection.abort()


class Request:
    """One request on its way through the front."""

    def __init__(self, front: Front, scope: Scope, receive: Receive) -> None:
        self.front, self.scope, self.receive = front, scope, receive
        self.connection: Connection = scope[KEY]
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"").decode("latin-1")
        self.length = int(length) if length.isdecimal() else 0
        self.endless = b"transfer-encoding" in headers
        if not self.length:
            self.connection.since = None

    async def answer(self, send: Send) -> None:
        """Read what may be read, have Django answer, and send that. Raises Gone, Left, NotFetched."""
        try:
            answer, unread = await self._answered()
        except tuple(EARLY) as error:
            await self.turn_away(next(EARLY[kind] for kind in EARLY if isinstance(error, kind)), send)
            return
        try:
            with self.connection.waits():
                await self._send(answer, send, unread=unread)
        finally:
            answer.close()

    async def turn_away(self, reason: early.Reason, send: Send) -> None:
        """Answer without Django, and close the connection."""
        refused(reason.word)
        answer = early.refusal(reason, self.scope, retry_after=self.front.bounds.retry_after)
        with self.connection.waits():
            await self._send(answer, send, unread=self.length > 0 or self.endless)

    async def _answered(self) -> tuple[Answer, bool]:
        """Return the answer, and whether the body was left unread."""
        allowance = await self._allowance()
        if self.endless or self.length > allowance.most:
            environ = environment(self.scope, io.BytesIO()) | {UNREAD: True}
            return await self._seated(lambda: call(self.front.wsgi, environ, spool=self.front.spool)), True
        body = Body(self.front.spool, who=allowance.who)
        try:
            if self.length:
                await self._read(body)
            environ = environment(self.scope, body.store)
            return await self._seated(lambda: call(self.front.wsgi, environ, spool=self.front.spool)), False
        finally:
            body.close()

    async def _allowance(self) -> Allowance:
        """Ask, by the head alone, how much may be sent; nobody is asked where it is little."""
        if self.length <= SMALL or self.endless:
            return Allowance(SMALL)
        environ = environment(self.scope, io.BytesIO())
        return cast(Allowance, await self._seated(lambda: self.front.admit(environ)))

    async def _read(self, body: Body) -> None:
        bounds = self.front.bounds
        seconds = bounds.small_body_seconds if self.length <= SMALL else bounds.body_seconds
        with self.connection.waits():
            await read(self.receive, body, seconds=seconds, disk=self.front.disk)

    async def _seated(self, work: Callable[[], Any]) -> Any:
        self.connection.since = None  # from now on the client waits for us
        return await self.front.seats.run(work, lost=self.connection.lost)

    async def _send(self, answer: Answer, send: Send, *, unread: bool) -> None:
        """Send the answer; a client that still sends what nobody reads is heard for a moment, then it ends."""
        if not unread:
            await send_answer(answer, send, bounds=self.front.bounds, disk=self.front.disk)
            return
        answer.headers = [*answer.headers, CLOSE]

        async def lingering(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await linger(self.receive, seconds=self.front.bounds.linger_seconds)
            await send(message)

        await send_answer(answer, cast(Send, lingering), bounds=self.front.bounds, disk=self.front.disk)
