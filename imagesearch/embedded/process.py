"""One server process from a wheel: started so that it dies with its parent, waited for, and stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """A server did not come up; the message is one sentence for the operator."""


@dataclass(frozen=True)
class Spawn:
    """How a process is started: its words, where its output goes, and what it gets when the parent dies."""

    argv: Sequence[str]
    log: Path | None = None
    env: Mapping[str, str] | None = None
    orphan_signal: int = signal.SIGTERM


def start(spawn: Spawn) -> subprocess.Popen[bytes]:
    """Start the process in its own session, so that Ctrl-C reaches only the one who stops things in order."""
    log = spawn.log.open("ab") if spawn.log else None
    try:
        return subprocess.Popen(
            list(spawn.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            env=dict(spawn.env) if spawn.env is not None else None,
            start_new_session=True,
            preexec_fn=_tied_to_parent(spawn.orphan_signal),
        )
    finally:
        if log:
            log.close()


def wait_until(ready: Callable[[], bool], *, process: subprocess.Popen[bytes], name: str, seconds: float) -> None:
    """Return when ``ready()``; raise StartFailed when the process ends first or the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise StartFailed(f"{name} ended at once with status {process.returncode}.")
        if time.monotonic() > deadline:
            raise StartFailed(f"{name} did not answer within {seconds:.0f} s.")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], *, with_signal: int = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask the process to end; kill it and what it started when the time is over."""
    if process.poll() is not None:
        return
    process.send_signal(with_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tied_to_parent(number: int) -> Callable[[], None] | None:
    """On Linux: the kernel sends the signal when the parent dies, even by kill -9, so nothing outlives it."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return tie
