"""A pool of disposable child processes that decode untrusted pictures."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import Unavailable
from retrieval.ingest.picture import Decoded, DecodeRequest, PictureLimits, Region
from retrieval.ingest.process import Child, ChildLimits, EndedError, crash

log = structlog.get_logger(__name__)

# Codes after which the same file may well succeed at another moment: a busy machine, a decoder killed from outside.
PASSING = frozenset({"decoder_crashed", "decoder_timeout", "decoder_memory", "decoders_busy"})


@dataclass(frozen=True)
class PoolSettings:
    """How many children, how many pictures each may decode, how long (seconds) a caller waits for a free one."""

    processes: int = 2
    tasks_per_child: int = 500
    patience: float = 30
    child: ChildLimits = field(default_factory=ChildLimits)


class Sandbox:
    """Decodes pictures in child processes; safe to use from many threads. Children start when they are needed."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._free = threading.BoundedSemaphore(settings.processes)
        self._idle: deque[Child] = deque()
        # The kernel ends a child with the thread that started it, so that thread must live as long as the pool.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="decoder-start")

    def decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Decode one file.

        Raises TooLarge and UnsupportedPicture, whose codes say why (``decoder_crashed``, ``decoder_timeout`` and
        ``decoder_memory`` among them), and Unavailable when no child becomes free in time.
        """
        if not self._free.acquire(timeout=self._settings.patience):
            raise Unavailable("All decoders are busy.", code="decoders_busy")
        try:
            return self._decode(data, request)
        finally:
            self._free.release()

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        try:
            return self._attempt(data, request)
        except EndedError as ended:
            if ended.signal != signal.SIGKILL:
                raise crash(ended) from ended
        # A decoder does not kill itself with this signal: someone else did, so the picture gets a second chance.
        try:
            return self._attempt(data, request)
        except EndedError as ended:
            raise crash(ended) from ended

    def _attempt(self, data: bytes, request: DecodeRequest) -> Decoded:
        child = self._take()
        try:
            return child.ask(data, request)
        finally:
            self._give_back(child)

    def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            child.stop()
        return self._starter.submit(self._start).result()

    def _start(self) -> Child:
        try:
            child = Child(self._settings.child)
        except (EndedError, OSError) as error:
            raise Unavailable("The picture decoder does not start.", code="decoder_unavailable") from error
        if not child.offline:
            _say_online()
        return child

    def _give_back(self, child: Child) -> None:
        if child.alive and child.tasks < self._settings.tasks_per_child:
            self._idle.append(child)
        else:
            child.stop()

    def warm(self) -> None:
        """Start all children now, so that the first picture does not wait for one."""
        for child in [self._take() for _ in range(self._settings.processes)]:
            self._give_back(child)

    def close(self) -> None:
        """Stop the idle children; for the end of a command or a test."""
        while self._idle:
            self._idle.pop().stop()
        self._starter.shutdown()


@functools.cache
def _say_online() -> None:
    log.warning("decoder_keeps_network", why="the system allows no user and network namespaces to this process")


@functools.cache
def shared() -> Sandbox:
    """Return this process's pool, sized by the settings in force."""
    settings = conf.get()
    limits = settings.limits
    child = ChildLimits(cpu=limits.decode_cpu, wall=limits.decode_wall, memory=limits.decode_memory)
    return Sandbox(PoolSettings(processes=settings.decode_processes, child=child))


# A forked process must not talk to its parent's children: it makes its own pool.
os.register_at_fork(after_in_child=shared.cache_clear)


def picture_limits() -> PictureLimits:
    """What one picture may hold by the settings in force."""
    limits = conf.get().limits
    return PictureLimits(bytes=limits.image_bytes, pixels=limits.image_pixels, side=limits.image_side)


def upload(data: bytes) -> Decoded:
    """Decode a file that is to be kept: thumbnails, placeholder, fingerprint. Raises what ``decode`` raises."""
    return shared().decode(data, DecodeRequest(thumbnail_sizes=conf.get().thumbnail_sizes, limits=picture_limits()))


def query(data: bytes, *, region: Region | None = None) -> Decoded:
    """Decode the pixels alone; ``region`` keeps a part, at its full detail. Raises what ``decode`` raises."""
    return shared().decode(data, DecodeRequest(conf.get().working_side, region=region, limits=picture_limits()))


def pixels(original: Path) -> NDArray[np.uint8]:
    """Decode the pixels (H, W, 3) of a kept file. Raises FileNotFoundError, and what ``decode`` raises."""
    return query(original.read_bytes()).pixels
