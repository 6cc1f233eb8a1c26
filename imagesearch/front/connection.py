"""One connection: uvicorn's HTTP protocol, with a time for everything that its client has to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SO_SNDBUF, SOL_SOCKET
from time import monotonic
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from imagesearch.front import early
from imagesearch.front.watch import Watch, network
from retrieval import conf
from retrieval.services.people import limits

KEY = "imagesearch.connection"


class Connection(HttpToolsProtocol):
    """It waits for its client (``since`` is a time), or the client waits for it (``since`` is None)."""

    def __init__(self, watch: Watch, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.watch = watch
        self.since: float | None = monotonic()
        self.idle = False
        self.head: int | None = 0
        self.closing_since: float | None = None
        self.address = ""
        self.lost: asyncio.Future[None] = self.loop.create_future()

    # --- What asyncio calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, or end it."""
        super().connection_made(transport)
        # Else the kernel takes megabytes for each client that fetches nothing.
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, self.watch.bounds.in_kernel)
        self.watch.add(self)
        if not conf.get().proxies and not self._join(self.client[0] if self.client else ""):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more, and tell whoever waits on its behalf."""
        super().connection_lost(exc)
        self.watch.remove(self)
        self.watch.leave(self, self.address)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has no end is not read to it."""
        if self.idle:
            self.idle, self.since = False, monotonic()
        if self.head is not None:
            self.head += len(data)
        super().data_received(data)
        if self.head is not None and self.head > self.watch.bounds.head and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    # --- What uvicorn calls -----------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, with the headers of every answer, and close."""
        self.transport.write(early.unreadable(msg))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count the bytes of a head."""
        super().on_message_begin()
        self.head = self.head or 0

    def on_headers_complete(self) -> None:
        """Let the application find this connection; behind proxies, count it for the address that they tell."""
        self.head, self.idle = None, False
        cast("dict[str, Any]", self.scope)[KEY] = self
        if conf.get().proxies:
            self._follow_proxy()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if conf.get().proxies:
            self.watch.leave(self, self.address)
            self.address = ""
        if self.cycle.response_complete:  # and the next one in the pipeline has not begun
            self.head, self.since, self.idle = 0, monotonic(), True

    def timeout_keep_alive_handler(self) -> None:
        """Close what nobody uses; with an answer still in our hands, nobody reads it either."""
        if self.transport.get_write_buffer_size():
            self.abort()
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Keep the stop waiting only for what is being worked on."""
        if self.since is None:
            super().shutdown()
        else:
            self.abort()

    # --- What the application and the watch call --------------------------------------------------------------------

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Say that for this time the client has to do something."""
        self.since = monotonic()
        try:
            yield
        finally:
            self.since = None

    @property
    def gone(self) -> bool:
        """Has the client left?"""
        return self.transport.is_closing()

    def abort(self) -> None:
        """End it at once, whatever the client has not read yet."""
        self.transport.abort()

    def overdue(self, now: float) -> str:
        """Return why its time is over: for a head that does not end, or an answer that is not fetched."""
        if self.transport.is_closing():
            self.closing_since = self.closing_since or now
            return "slow reader" if now - self.closing_since > self.watch.bounds.idle_seconds else ""
        slow = self.head is not None and not self.idle and self.since is not None
        return "slow head" if slow and now - (self.since or 0) > self.watch.bounds.head_seconds else ""

    def _join(self, address: str) -> bool:
        """Leave the address so far, and count for this one."""
        self.watch.leave(self, self.address)
        self.address = network(address)
        return not self.address or self.watch.join(self, self.address)

    def _follow_proxy(self) -> None:
        told = ",".join(value.decode("latin-1") for name, value in self.headers if name == b"x-forwarded-for")
        fits = self._join(limits.address_of(self.client[0] if self.client else "", forwarded=told))
        cast("dict[str, Any]", self.scope)["imagesearch.crowded"] = not fits
