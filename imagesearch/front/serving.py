"""The server itself: what it listens with, what it watches, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import uvicorn
from django.conf import settings

from imagesearch.front.application import Front
from imagesearch.front.bounds import Bounds
from imagesearch.front.bridge import Wsgi
from imagesearch.front.connection import Connection
from imagesearch.front.spool import Spool
from imagesearch.front.watch import Watch
from retrieval.web.admission import allowance

# Files that are open beside the connections, and how many may be open in all.
OTHER_FILES, MOST_FILES = 512, 8192
BACKLOG = 2048
SWEEP_SECONDS = 1.0


class Server(uvicorn.Server):
    """uvicorn, with an eye on connections whose time is over. ``listens`` is called once it serves."""

    listens: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self.watch = watch

    async def startup(self, *arguments: Any, **options: Any) -> None:
        """Listen, and begin to watch."""
        gc.freeze()
        await super().startup(*arguments, **options)
        self.sweeping = asyncio.create_task(self._sweep())
        self.listens()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.watch.sweep()


def server(application: Wsgi, bounds: Bounds, *, host: str, port: int) -> Server:
    """Return a server that is ready to run."""
    spool = Spool(settings.SPOOL, bounds)
    spool.tidy()
    watch = Watch(bounds)
    config = uvicorn.Config(
        cast(Any, Front(application, allowance, spool)), host=host, port=port, loop="asyncio", lifespan="off",
        http=cast(Any, lambda **arguments: Connection(watch, **arguments)), ws="none",
        log_config=None, access_log=False, server_header=False, proxy_headers=False, backlog=BACKLOG,
        timeout_keep_alive=bounds.idle_seconds, timeout_graceful_shutdown=bounds.stop_seconds,
    )  # fmt: skip
    return Server(config, watch)


def room_for_files() -> int:
    """Let the process open as many files as it may, up to what it needs; return how many connections that leaves."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft - OTHER_FILES, soft // 2)


def serve(application: Wsgi, *, listens: Callable[[], None]) -> None:
    """Serve until asked to stop; ``listens`` is called once it does.

    Threads that still work after the time for stopping are left behind with the process.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    bounds = Bounds()
    bounds = replace(bounds, connections=min(bounds.connections, room_for_files()))
    status = 0
    try:
        site = server(application, bounds, host=settings.HOST, port=settings.PORT)
        site.listens = listens
        site.run()
    except KeyboardInterrupt:
        status = 130
    finally:
        logging.shutdown()
        sys.stderr.flush()
    os._exit(status)
