"""A pool of disposable child processes that decode untrusted pictures."""

from __future__ import annotations

import functools
import math
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import Unavailable
from retrieval.ingest import sniff
from retrieval.ingest.children import Children
from retrieval.ingest.picture import FIRST, Decoded, DecodeRequest, Part, PictureLimits, Region
from retrieval.ingest.process import ChildLimits, EndedError, crash, limits_in_force
from retrieval.ingest.turns import Asker, Job, Shares, Turns

# Codes after which the same file may well succeed at another moment: a busy machine, a decoder killed from outside.
PASSING = frozenset({"decoder_crashed", "decoder_timeout", "decoder_memory", "decoders_busy"})


# How long somebody whose request holds a thread waits for a decoder, in seconds.
PATIENCE = 10.0
# Who waits for nobody in particular: a command, a test.
SITE = Asker("site", patient=True)


@dataclass(frozen=True)
class PoolSettings:
    """How decoders are shared and limited.

    ``processes`` children serve everybody, ``spare`` more those who have none while others hold all. ``line``: how many
    may wait for one; ``patience``: how long (seconds) each. A child is of one person, for ``tasks_per_child`` pictures.
    """

    processes: int = 2
    spare: int = 1
    line: float = math.inf
    patience: float = 30
    tasks_per_child: int = 20
    child: ChildLimits = field(default_factory=ChildLimits)


class Sandbox:
    """Decodes pictures in child processes; safe to use from many threads. Children start when they are needed."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._turns = Turns(Shares(settings.processes, settings.spare, settings.line))
        most = settings.processes + settings.spare
        self._children = Children(settings.child, most=most, tasks=settings.tasks_per_child)
        self._closed = False
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="decoder")

    def decode(self, source: bytes | Path, request: DecodeRequest, *, asker: Asker = SITE) -> Decoded:
        """Decode one file, given as bytes or read when its turn has come.

        Raises TooLarge and UnsupportedPicture, whose codes say why (``decoder_crashed``, ``decoder_timeout`` and
        ``decoder_memory`` among them); FileNotFoundError; and Unavailable (``decoders_busy``) when the line is long or
        no child becomes free in time, which never happens to a patient asker.
        """
        job = self._job(source, request, asker)
        if self._begin(job, here=True):
            return self._run(job)
        future = job.future
        try:
            return future.result(None if asker.patient else self._settings.patience)
        except TimeoutError:
            if future.cancel():
                raise busy() from None
            return future.result()

    def submit(self, source: bytes | Path, request: DecodeRequest, *, asker: Asker) -> Future[Decoded]:
        """Put one file in line; returns what ``decode`` will return or raise. Files of one person begin in order."""
        job = self._job(source, request, asker)
        self._begin(job)
        return job.future

    def _job(self, source: bytes | Path, request: DecodeRequest, asker: Asker) -> Job:
        return Job(asker, functools.partial(self._decode, source, request, asker))

    def _begin(self, added: Job | None = None, *, here: bool = False) -> bool:
        """Let everybody begin whose turn it is, and refuse those for whom the line is too long.

        True if it is the turn of the ``added`` one and the caller runs it ``here``: a thread more costs half a
        millisecond.
        """
        with self._lock:
            if added:
                self._turns.add(added)
            jobs = list(iter(self._turns.take, None))
            leaving = list(iter(self._turns.leave, None))
        for job in leaving:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(busy())
        for job in jobs:
            if here and job is added:
                continue
            try:
                ran = self._threads.submit(job.work)
                ran.add_done_callback(functools.partial(self._end, job, time.monotonic()))
            except RuntimeError:  # closed, or the program ends
                job.future.set_exception(stopping())
                self._free(job, seconds=0)
        return here and added in jobs

    def _run(self, job: Job) -> Decoded:
        began = time.monotonic()
        try:
            if self._closed:
                raise stopping()
            return job.work()
        finally:
            self._free(job, seconds=time.monotonic() - began)

    def _end(self, job: Job, began: float, ran: Future[Decoded]) -> None:
        self._free(job, seconds=time.monotonic() - began)
        error = ran.exception()
        if error:
            job.future.set_exception(error)
        else:
            job.future.set_result(ran.result())

    def _free(self, job: Job, *, seconds: float) -> None:
        with self._lock:
            self._turns.done(job, seconds=seconds)
        self._begin()

    def _decode(self, source: bytes | Path, request: DecodeRequest, asker: Asker) -> Decoded:
        data = source if isinstance(source, bytes) else source.read_bytes()
        began = time.monotonic()
        try:
            return self._attempts(data, request, asker)
        finally:
            asker.charge(time.monotonic() - began)

    def _attempts(self, data: bytes, request: DecodeRequest, asker: Asker) -> Decoded:
        try:
            return self._attempt(data, request, asker)
        except EndedError as ended:
            if ended.signal != signal.SIGKILL:
                raise crash(ended) from ended
        # A decoder does not kill itself with this signal: someone else did, so the picture gets a second chance.
        try:
            return self._attempt(data, request, asker)
        except EndedError as ended:
            raise crash(ended) from ended

    def _attempt(self, data: bytes, request: DecodeRequest, asker: Asker) -> Decoded:
        child = self._children.take(asker.name)
        try:
            return child.ask(data, request)
        finally:
            self._children.give_back(child, asker.name)

    def warm(self) -> None:
        """Start all children now, so that the first picture does not wait for one."""
        for child in self._threads.map(lambda _: self._children.start(), range(self._settings.processes)):
            self._children.add(child)

    def close(self) -> None:
        """Stop the idle children; for the end of a command or a test."""
        self._closed = True
        self._threads.shutdown()
        self._children.close()


def stopping() -> Unavailable:
    """Build the answer for whoever comes after the end."""
    return Unavailable("The decoders stop.", code="decoder_unavailable")


def busy() -> Unavailable:
    """Build the answer for whoever the line is too long for."""
    return Unavailable(
        "Many pictures are being read just now; try again in a moment.", code="decoders_busy", retry_after=2
    )


@functools.cache
def shared() -> Sandbox:
    """Return this process's pool, sized by the settings in force."""
    settings = conf.get()
    child = limits_in_force()
    return Sandbox(PoolSettings(settings.decode_processes, line=settings.decode_line, patience=PATIENCE, child=child))


# A forked process must not talk to its parent's children: it makes its own pool.
os.register_at_fork(after_in_child=shared.cache_clear)


def picture_limits() -> PictureLimits:
    """What one picture may hold by the settings in force."""
    limits = conf.get().limits
    return PictureLimits(
        limits.image_bytes, limits.image_pixels, limits.jpeg_pixels, limits.image_side, limits.document_pages,
        limits.file_bytes, limits.video_looks, limits.video_scenes,
    )  # fmt: skip


def most_bytes(head: bytes) -> int:
    """How many bytes a file may have that begins so: a video more than a picture."""
    limits = conf.get().limits
    return limits.file_bytes if sniff.is_video(head) else limits.image_bytes


def upload(data: bytes, *, part: Part = FIRST, asker: Asker = SITE) -> Decoded:
    """Decode a file that is to be kept: thumbnails, placeholder, fingerprint. Raises what ``decode`` raises."""
    return shared().decode(data, _upload_request(part), asker=asker)


def query(data: bytes, *, region: Region | None = None, part: Part = FIRST, asker: Asker = SITE) -> Decoded:
    """Decode the pixels alone; ``region`` keeps a part, at its full detail. Raises what ``decode`` raises."""
    return shared().decode(data, _query_request(region, part=part), asker=asker)


def pixels(
    original: Path, *, part: Part = FIRST, asker: Asker = SITE, short_side: int | None = None
) -> NDArray[np.uint8]:
    """Decode the pixels (H, W, 3) of a kept file, the short side at most so many, or as many as an encoder takes.

    Raises FileNotFoundError, and what ``decode`` raises.
    """
    request = _query_request(part=part)
    wanted = request if short_side is None else replace(request, working_side=short_side)
    return shared().decode(original, wanted, asker=asker).pixels


def full(original: Path, *, part: Part = FIRST, asker: Asker = SITE) -> bytes:
    """Return a kept file's picture as one JPEG, at its full size or the largest part of it that the limits allow.

    Raises FileNotFoundError, and what ``decode`` raises.
    """
    request = DecodeRequest(full=True, part=part, limits=picture_limits())
    return shared().decode(original, request, asker=asker).full


def begin_upload(data: bytes, *, part: Part = FIRST, asker: Asker) -> Future[Decoded]:
    """Put what ``upload`` does in line."""
    return shared().submit(data, _upload_request(part), asker=asker)


def begin_query(original: Path | bytes, *, part: Part = FIRST, asker: Asker = SITE) -> Future[Decoded]:
    """Put what ``pixels`` does in line, of a file or of its bytes."""
    return shared().submit(original, _query_request(part=part), asker=asker)


def _upload_request(part: Part = FIRST) -> DecodeRequest:
    return DecodeRequest(thumbnail_sizes=conf.get().thumbnail_sizes, part=part, limits=picture_limits())


def _query_request(region: Region | None = None, *, part: Part = FIRST) -> DecodeRequest:
    return DecodeRequest(conf.get().working_side, region=region, part=part, limits=picture_limits())
