"""A process that goes on from this one's memory: what is loaded here it neither loads again nor holds a second time."""

from __future__ import annotations

import atexit
import contextlib
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import NoReturn

from setproctitle import setproctitle, setthreadtitle

LOOK_SECONDS = 0.02
OPEN = "/proc/self/fd"


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals wait while the block runs; a program that is forked in it lets go of them by itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        with uninterrupted():
            self.pid = os.fork()
            if not self.pid:
                _become(argv, log=log, env=env, first=first)

    def poll(self) -> int | None:
        """How it ended: its exit code, or less than 0 for a signal's number; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # whoever started us ignores SIGCHLD: nobody is told how it ended; as subprocess
                pid, status = self.pid, 0
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
    """Be that program to the end; nothing of the caller's runs in this process any more, whatever fails here."""
    status = 1
    try:
        with contextlib.ExitStack() as failing:
            failing.push(_tell)
            first()
            _leave(log)
            os.environ.update(env)
            status = _run(argv)
    finally:
        os._exit(status & 0xFF)


def _tell(_kind: object, error: BaseException | None, _trace: object) -> bool:
    """Say what went wrong, which is the end of it."""
    if error:
        traceback.print_exception(error)
    return True


def _leave(log: int) -> None:
    """Leave the parent's session, handlers and files; standard output and error are the log from here on."""
    os.setsid()
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(3, max(map(int, os.listdir(OPEN))) + 1)  # the system's limit may be a thousand million
    sys.stdout = sys.__stdout__ = _lines(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _lines(2)  # type: ignore[misc]
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _lines(number: int) -> TextIOWrapper:
    """A file of lines that never closes its descriptor.

    Whoever puts something else in its place, as Celery does, would else free the number for the next file.
    """
    return open(number, "w", buffering=1, errors="backslashreplace", closefd=False)


def _run(argv: Sequence[str]) -> int:
    """Run ``python -m NAME ...`` as Python would; returns its exit code."""
    setproctitle(" ".join(argv))
    setthreadtitle(os.path.basename(argv[0]))  # what `ps` and `top` show by themselves
    sys.argv = list(argv[2:])
    with contextlib.ExitStack() as last:  # what Python does at its own end: the error, threads, and then the rest
        last.callback(_flush)
        last.callback(atexit._run_exitfuncs)
        last.callback(threading._shutdown)  # type: ignore[attr-defined]
        last.push(_tell)
        try:
            runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return _code(end.code)
        return 0
    return 1


def _flush() -> None:
    """Write the last line, which may lack its end."""
    for file in (sys.stdout, sys.stderr):
        file.flush()


def _code(said: object) -> int:
    """The exit code of ``sys.exit(said)``; a sentence is said, and is a failure."""
    if said is None or isinstance(said, int):
        return said or 0
    sys.stderr.write(f"{said}\n")
    return 1
