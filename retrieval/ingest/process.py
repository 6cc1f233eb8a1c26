"""One decoding child as its parent sees it: start, ask, tell how it ended."""

from __future__ import annotations

import functools
import select
import signal
import socket
import time
from dataclasses import dataclass, replace

from retrieval import conf
from retrieval.errors import Unavailable, UnsupportedPicture
from retrieval.ingest import answers, fork_server, wire
from retrieval.ingest.fork_server import GoneError
from retrieval.ingest.picture import Decoded, DecodeRequest
from retrieval.ingest.protection import Protection

PROGRAM = "from retrieval.ingest.child import main; from retrieval.ingest.decode import decode; main(decode)"
BUFFER = 1024 * 1024
START_SECONDS = 30
LAST_MOMENT = 1.0
TICK = 0.01


@dataclass(frozen=True)
class ChildLimits:
    """What a child may cost: processor and wall time (seconds) of one picture, memory (bytes) of the whole process.

    ``program`` is the Python text that the child runs; tests put a misbehaving decoder there. ``unprotected``: decode
    even where the child can reach what it must not.
    """

    cpu: int = 20
    wall: float = 30
    memory: int = 1536 * 1024 * 1024
    program: str = PROGRAM
    unprotected: bool = False


class EndedError(Exception):
    """The child ended in the middle of a picture; ``signal`` says by which signal, 0 for none."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"the decoder ended (signal {signal_number})")
        self.signal = signal_number


class Child:
    """A running child process and the channel to it. For one thread at a time."""

    def __init__(self, limits: ChildLimits) -> None:
        """Have a process forked and wait until it is ready, some milliseconds; the first one of its kind takes longer.

        Raises EndedError when it does not come up, and Unavailable (``decoder_unprotected``) when it reaches too much.
        """
        self._limits = limits
        self.tasks = 0
        self._channel, theirs = socket.socketpair()
        for end in (self._channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        with theirs:
            self._server, self.pid = _forked(limits, theirs)
        try:
            hello = wire.receive(self._channel, deadline=time.monotonic() + START_SECONDS)
        except (wire.BrokenError, OSError) as error:
            raise EndedError(self._ending_signal()) from error
        self.protection = Protection.of(hello.header)
        try:
            self.protection.require(allowed=limits.unprotected)
        except Unavailable:
            self.stop()
            raise

    @property
    def offline(self) -> bool:
        """Whether the child was found to have no network."""
        return self.protection.held["network"]

    @property
    def alive(self) -> bool:
        """Whether the process still runs, and keeps silent while it is asked nothing."""
        if self._channel.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return not poll.poll(0)

    def ask(self, data: bytes, request: DecodeRequest) -> Decoded:
        """Decode one file.

        Raises the refusal that the child answers; UnsupportedPicture with the code ``decoder_timeout`` or
        ``decoder_memory`` when the file costs too much; EndedError when the process ended on it. After any of the last
        three the child is stopped.
        """
        deadline = time.monotonic() + self._limits.wall
        self.tasks += 1
        try:
            self._channel.settimeout(self._limits.wall)
            wire.send(self._channel, wire.request_message(data, request))
            answer = wire.receive(self._channel, deadline=deadline)
            if "out_of_memory" not in answer.header:
                return answers.read(answer, request)
        except TimeoutError as error:
            self.stop()
            raise timeout() from error
        except (wire.BrokenError, OSError) as error:
            raise EndedError(self._ending_signal()) from error
        self.stop()
        raise UnsupportedPicture("Decoding the picture takes too much memory.", code="decoder_memory")

    def stop(self) -> int:
        """Kill the process if it still runs and free everything; returns the signal that ended it, 0 for none."""
        self._channel.close()
        try:
            return self._server.end(self.pid)
        except GoneError:
            return signal.SIGKILL

    def _ending_signal(self) -> int:
        """The signal that ended a child which has closed its channel; 0 for none, or when it has to be stopped."""
        self._channel.close()
        try:
            ends = time.monotonic() + LAST_MOMENT
            while (found := self._server.ending(self.pid)) is None and time.monotonic() < ends:
                time.sleep(TICK)
        except GoneError:
            # Ended together with its server, which somebody killed.
            return signal.SIGKILL
        if found is None:
            self.stop()
        return found or 0


def _forked(limits: ChildLimits, channel: socket.socket) -> tuple[fork_server.ForkServer, int]:
    """Have a child forked, if need be by a new server: the one before may have been killed just now."""
    for _ in range(2):
        server = fork_server.running(limits.program, limits.memory, limits.cpu)
        try:
            return server, server.start(channel)
        except GoneError:
            continue
    raise EndedError(0)


def limits_in_force() -> ChildLimits:
    """What a child may cost by the settings in force."""
    settings = conf.get()
    costs = settings.limits
    return ChildLimits(
        cpu=costs.decode_cpu,
        wall=costs.decode_wall,
        memory=costs.decode_memory,
        unprotected=settings.unprotected_decoder,
    )


def measured() -> Protection:
    """How a child of this process is kept apart, measured once. Raises EndedError when none comes up."""
    return _measured(replace(limits_in_force(), unprotected=True))


@functools.cache
def _measured(limits: ChildLimits) -> Protection:
    child = Child(limits)
    child.stop()
    return child.protection


def timeout() -> UnsupportedPicture:
    """Build the refusal of a file that takes too long."""
    return UnsupportedPicture("Decoding the picture takes too long.", code="decoder_timeout")


def crash(ended: EndedError) -> UnsupportedPicture:
    """Build the refusal of a file on which the decoder ended."""
    if ended.signal == signal.SIGXCPU:
        return timeout()
    return UnsupportedPicture("The decoder crashed on this picture.", code="decoder_crashed")
