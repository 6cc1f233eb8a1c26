"""The fork server's own loop: one process that has everything loaded and forks a child for each request.

It never reads a byte of a picture: those go from the site straight into a child, by a channel that passes through here
unread. A fork takes a hundredth of the time of a new Python, and its memory is shared.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import struct
from collections.abc import Callable

from retrieval.ingest import confine

# A letter and a process id; answered by a process id, or how that process ended, and an error number.
REQUEST, ANSWER = struct.Struct("!cI"), struct.Struct("!ii")
START, ASK, END = b"s", b"a", b"e"
RUNNING = 1_000  # in place of an ending

Work = Callable[[int], None]


def serve(control: socket.socket, work: Work, *, apart: bool) -> None:
    """Answer requests until the site closes ``control``; ``work`` gets a child's channel and runs in the child.

    ``apart``: the children are in a process namespace of their own, which ends with all in it when this process does.
    """
    gc.collect()
    gc.freeze()
    server = _Server(control, work)
    if apart:
        server.keep_space()
    while server.answer():
        pass


class _Server:
    def __init__(self, control: socket.socket, work: Work) -> None:
        self._control = control
        self._work = work
        self._endings: dict[int, int] = {}
        self._running: set[int] = set()
        self._pid = os.getpid()

    def keep_space(self) -> None:
        """Start the process that a process namespace stands and falls with. It waits for this one to end."""
        reader, _writer = os.pipe()
        if os.fork():
            os.close(reader)
            return
        try:
            confine.die_with_parent(self._pid)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            confine.keep_only(reader)
            os.read(reader, 1)
        finally:
            os._exit(0)

    def answer(self) -> bool:
        """Answer one request; False when the site has gone."""
        data, descriptors, _, _ = socket.recv_fds(self._control, REQUEST.size, 1)
        if len(data) != REQUEST.size:
            return False
        act, pid = REQUEST.unpack(data)
        self._collect()
        try:
            found = self._start(descriptors[0]) if act == START else self._ending(pid, kill=act == END)
        except OSError as error:
            self._control.sendall(ANSWER.pack(0, error.errno or errno.EIO))
        else:
            self._control.sendall(ANSWER.pack(found, 0))
        return True

    def _start(self, channel: int) -> int:
        try:
            pid = os.fork()
            if pid == 0:
                self._become_child(channel)
        finally:
            os.close(channel)
        self._running.add(pid)
        return pid

    def _become_child(self, channel: int) -> None:
        """Never returns, whatever the work does."""
        try:
            confine.die_with_parent(self._pid)
            confine.keep_only(channel)
            self._work(channel)
        finally:
            os._exit(0)

    def _ending(self, pid: int, *, kill: bool) -> int:
        """How the child ended: a signal, 0 for none, RUNNING for not yet. Its id is kept until then."""
        if kill and pid in self._running:
            os.kill(pid, signal.SIGKILL)
            self._note(*os.waitpid(pid, 0))
        return RUNNING if pid in self._running else self._endings.pop(pid, 0)

    def _collect(self) -> None:
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        self._running.discard(pid)
        self._endings[pid] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
