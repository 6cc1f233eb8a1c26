"""One decoding child as its parent sees it: start, ask, tell how it ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import wire
from retrieval.ingest.picture import Decoded, DecodeRequest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from retrieval.ingest.child import main; from retrieval.ingest.decode import decode; main(decode)"
# Nothing of the parent's environment reaches the child: it may hold secrets. One thread, so that the child can
# leave the network.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
BUFFER = 1024 * 1024
START_SECONDS = 30
LAST_MOMENT = 1.0


@dataclass(frozen=True)
class ChildLimits:
    """What a child may cost: processor and wall time (seconds) of one picture, memory (bytes) of the whole process.

    ``program`` is the Python text that the child runs; tests put a misbehaving decoder there.
    """

    cpu: int = 20
    wall: float = 30
    memory: int = 1536 * 1024 * 1024
    program: str = PROGRAM


class EndedError(Exception):
    """The child ended in the middle of a picture; ``signal`` says by which signal, 0 for none."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"the decoder ended (signal {signal_number})")
        self.signal = signal_number


class Child:
    """A running child process and the channel to it. For one thread at a time."""

    def __init__(self, limits: ChildLimits) -> None:
        """Start the process and wait until it is ready, about 0.15 s; raises EndedError when it does not come up."""
        self._limits = limits
        self.tasks = 0
        self._channel, theirs = socket.socketpair()
        for end in (self._channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        with theirs:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in the terminal is for the parent, which then stops its children.
                process_group=0,
            )
        try:
            hello = wire.receive(self._channel, deadline=time.monotonic() + START_SECONDS)
        except (wire.BrokenError, OSError) as error:
            raise EndedError(self._ending_signal()) from error
        self.offline = bool(hello.header.get("offline"))

    def _command(self, descriptor: int) -> list[str]:
        limits = self._limits
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {limits.program}"
        numbers = (descriptor, os.getpid(), limits.memory, limits.cpu)
        return [sys.executable, "-I", "-c", program, *map(str, numbers)]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

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
                return wire.read_answer(answer)
        except TimeoutError as error:
            self.stop()
            raise timeout() from error
        except (wire.BrokenError, OSError) as error:
            raise EndedError(self._ending_signal()) from error
        self.stop()
        raise UnsupportedPicture("Decoding the picture takes too much memory.", code="decoder_memory")

    def stop(self) -> None:
        """Kill the process if it still runs and free everything."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _ending_signal(self) -> int:
        """The signal that ended a child which has closed its channel; 0 for none, or when it has to be stopped."""
        self._channel.close()
        try:
            return max(0, -self._process.wait(timeout=LAST_MOMENT))
        except subprocess.TimeoutExpired:
            self.stop()
            return 0


def timeout() -> UnsupportedPicture:
    """Build the refusal of a file that takes too long."""
    return UnsupportedPicture("Decoding the picture takes too long.", code="decoder_timeout")


def crash(ended: EndedError) -> UnsupportedPicture:
    """Build the refusal of a file on which the decoder ended."""
    if ended.signal == signal.SIGXCPU:
        return timeout()
    return UnsupportedPicture("The decoder crashed on this picture.", code="decoder_crashed")
