"""A process that goes on from this one's memory: what is loaded here it neither loads again nor holds a second time."""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from setproctitle import setproctitle

LOOK_SECONDS = 0.02


class Forked:
    """The process of ``python -m NAME ...``, forked; asked and ended like one of ``subprocess``.

    It has its own session, the descriptors of its log alone, no signal handler of ours, and ends without our clean-up.
    What is forked must have neither threads nor connections: the child would have them without their other half.
    """

    def __init__(self, argv: Sequence[str], *, log: int, env: Mapping[str, str], first: Callable[[], None]) -> None:
        """Fork; ``first`` runs in the child before anything else. Raises OSError when the system refuses."""
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that comes before the child has let go of our handlers would run them there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if not self.pid:
                _become(argv, log=log, env=env, first=first)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def poll(self) -> int | None:
        """How it ended: its exit code, or less than 0 for a signal's number; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, for so many seconds. Raises subprocess.TimeoutExpired."""
        asked = time.monotonic()
        while (found := self.poll()) is None:
            if timeout is not None and time.monotonic() - asked > timeout:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_SECONDS)
        return found

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _become(argv: Sequence[str], *, log: int, env: Mapping[str, str], first: Callable[[], None]) -> NoReturn:
    """Be that program to the end; nothing of the caller's runs in this process any more."""
    status = 1
    try:
        first()
        _leave(log)
        os.environ.update(env)
        status = _run(argv)
    finally:
        if error := sys.exception():
            traceback.print_exception(error)
        os._exit(status)


def _leave(log: int) -> None:
    """Leave the parent's session, handlers and files; standard output and error are the log from here on."""
    os.setsid()
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _run(argv: Sequence[str]) -> int:
    """Run ``python -m NAME ...`` as Python would; returns its exit code."""
    setproctitle(" ".join(argv))
    sys.argv = list(argv[2:])
    try:
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _code(end.code)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # what Python does at its own end: threads, then the rest
        atexit._run_exitfuncs()
    return 0


def _code(said: object) -> int:
    """The exit code of ``sys.exit(said)``; a sentence is said, and is a failure."""
    if said is None or isinstance(said, int):
        return said or 0
    sys.stderr.write(f"{said}\n")
    return 1
