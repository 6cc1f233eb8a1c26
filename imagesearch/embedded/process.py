"""One process under our care: how it is started, known to be ready and ended; it never outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from imagesearch.embedded.forked import OPEN, Forked

PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A process did not come up; the message is one sentence for the operator."""


def nothing() -> None:
    """Do nothing."""


def always() -> bool:
    """Say yes."""
    return True


class Process(Protocol):
    """What is asked of a process, whether it was executed or forked; as in ``subprocess``."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """How it ended, or None."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """End it at once."""


@dataclass(frozen=True)
class Service:
    """A process: ``prepare`` runs before each start, ``answers`` tells when it serves, ``settle`` runs once it does.

    ``ready`` tells another process that all of this is over. One that is ``forked``, a ``python -m NAME ...``, goes on
    with what its parent has loaded, where the system allows that.

    Times in seconds. One that does not answer yet is waited for as long as it gets on: only one that ended, or showed
    no sign of life for ``silent_seconds``, does not start. ``stop_signal`` asks it to end; the same signal reaches it
    when its parent dies. It then has ``stop_seconds``, or less where the whole stop has a deadline, but the
    ``stop_least`` are kept free for it. ``holds`` says what becomes of its work when it has to be killed.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing
    answers: Callable[[], bool] = always
    settle: Callable[[], None] = nothing
    ready: Callable[[], bool] = always
    forked: bool = False
    silent_seconds: float = 180
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10
    stop_least: float = 0
    holds: str = ""

    def last_words(self, *, since: int = 0) -> str:
        """The last line of the log after so many bytes, for a sentence about why the process ended."""
        size = self.said()
        if size == since:
            return "nothing"
        with self.log.open("rb") as file:
            file.seek(max(since if since < size else 0, size - 4096))  # it is emptied when it is long
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")

    def said(self) -> int:
        """Bytes in the log so far, those of earlier starts included."""
        return self.log.stat().st_size if self.log.exists() else 0


def launch(service: Service) -> Process:
    """Start the process in its own session, so that Ctrl-C reaches only the one who stops things in order.

    Signals must wait meanwhile (``uninterrupted``): an exception of their handlers would leave a process unknown to us.
    Raises StartError when the system refuses.
    """
    try:
        return _launched(service, _tied_to_parent(service.stop_signal))
    except OSError as error:
        raise StartError(f"{service.name} does not start: {error}") from error


def _launched(service: Service, tie: Callable[[], None]) -> Process:
    def first() -> None:
        tie()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    service.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with service.log.open("ab") as log:
        if service.forked and Path(OPEN).exists():  # on Linux; elsewhere its own libraries do not outlive a fork
            return Forked(service.argv, log=log.fileno(), env=service.env, first=tie)
        return subprocess.Popen(
            list(service.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **service.env},
            start_new_session=True,
            preexec_fn=first,  # noqa: PLW1509  (nothing here starts threads first)
        )


def end(process: Process, *, seconds: float) -> bool:
    """Wait for a process that was asked to end; True when it did, False when it had to be killed with its children."""
    try:
        process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        end_orphans(process)
        process.kill()  # it may not have had the time for a session of its own
        process.wait()
        return False
    end_orphans(process)
    return True


def end_orphans(process: Process) -> None:
    """Kill the children that outlived an ended process: they would keep its port, or work beside its successor.

    Its own session is still theirs, and as long as one of them lives its number is given to no other process.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tied_to_parent(number: int) -> Callable[[], None]:
    """On Linux the kernel sends the signal when the parent dies, even by kill -9."""
    if sys.platform != "linux":
        return nothing
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return tie
