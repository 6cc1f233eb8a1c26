"""The fork server as the site sees it: one for each kind of child, started when the first child is wanted."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from retrieval.ingest import forking
from retrieval.ingest.forking import ANSWER, RUNNING

ROOT = Path(__file__).resolve().parents[2]
# Nothing of the parent's environment reaches the decoders: it may hold secrets. One thread, so that the server can
# leave the system and fork.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
START_SECONDS = 30


class GoneError(Exception):
    """The fork server has ended, or does not answer; its children end with it."""


class ForkServer:
    """A running server and its control socket; safe to use from many threads, one request at a time."""

    def __init__(self, program: str, *numbers: int) -> None:
        """Start the process. It imports what it needs (0.2 s of processor time) before it answers."""
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                self._command(program, theirs.fileno(), os.getpid(), *numbers),
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in the terminal is for the parent, which then stops its children.
                process_group=0,
            )

    @staticmethod
    def _command(program: str, *numbers: int) -> list[str]:
        text = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"
        return [sys.executable, "-I", "-c", text, *map(str, numbers)]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def start(self, channel: socket.socket) -> int:
        """Fork a child that answers on ``channel``; returns its process id. Raises GoneError."""
        return self._ask(forking.START, channel=channel)

    def ending(self, pid: int) -> int | None:
        """How that child ended: by which signal, 0 for none; None while it runs. Raises GoneError."""
        found = self._ask(forking.ASK, pid)
        return None if found == RUNNING else found

    def end(self, pid: int) -> int:
        """Kill that child if it still runs; returns how it ended. Raises GoneError."""
        return self._ask(forking.END, pid)

    def _ask(self, act: bytes, pid: int = 0, *, channel: socket.socket | None = None) -> int:
        descriptors = [channel.fileno()] if channel else []
        with self._lock:
            try:
                socket.send_fds(self._control, [forking.REQUEST.pack(act, pid)], descriptors)
                answer = self._control.recv(ANSWER.size)
            except OSError as error:
                self.close()
                raise GoneError(str(error)) from error
        if len(answer) != ANSWER.size:
            self.close()
            raise GoneError("the fork server has ended")
        found, error_number = ANSWER.unpack(answer)
        if error_number:
            self.close()
            raise GoneError(os.strerror(error_number))
        return int(found)

    def close(self) -> None:
        """End the process and all its children."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Let go of a server that another process started: it is that one's to end."""
        self._control.close()
        self._process.returncode = 0


class _Servers:
    """The servers of this process, started from one thread: the kernel ends a process with the thread it came from."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, tuple[int, ...]], ForkServer] = {}
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="decoder-start")

    def get(self, program: str, *numbers: int) -> ForkServer:
        """Return the running server for this program and these numbers, started now if there is none."""
        key = (program, numbers)
        with self._lock:
            found = self._running.get(key)
            if found is None or not found.alive:
                found = self._running[key] = self._starter.submit(ForkServer, program, *numbers).result()
            return found

    def close(self) -> None:
        """End them all."""
        for server in self._running.values():
            server.close()
        self._running.clear()

    def forget(self) -> None:
        """Start anew in a forked process, without its parent's servers."""
        for server in self._running.values():
            server.forget()
        self._running.clear()
        self._begin()


_servers = _Servers()
running = _servers.get
os.register_at_fork(after_in_child=_servers.forget)
atexit.register(_servers.close)
