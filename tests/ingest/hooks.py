"""Decoders that misbehave, as a child runs them in the tests: the file's bytes say how."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time

import numpy as np

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest.picture import Decoded, DecodeRequest

PROGRAM = "from retrieval.ingest.child import main; from tests.ingest.hooks import decode; main(decode)"


def decode(data: bytes, request: DecodeRequest) -> Decoded:
    """Do what the bytes say."""
    return ACTS[data.decode()](request)


def good(request):
    """The width tells which child it was, by its number in its own namespace."""
    side = 1000 + os.getpid() % 6_000
    working = min(request.working_side, side)
    return Decoded(np.full((working, working, 3), request.working_side % 251, np.uint8), side, side, "PNG")


def die(number):
    def act(_):
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        os.kill(os.getpid(), number)
        time.sleep(5)

    return act


def spin(_):
    while True:
        pass


def allocate(_):
    return bytearray(8 * 2**30)


def claim(request):
    """Ask for much memory without writing to it, so that getting it hurts nobody."""
    kept = np.zeros(2 * 2**30, np.uint8)
    return good(request) if kept.size else None


def refuse(_):
    raise UnsupportedPicture("No.", code="picture_damaged")


def too_large(_):
    raise TooLarge("No.", code="image_too_large")


def surprise(_):
    raise KeyboardInterrupt


def network(request):
    with socket.socket() as probe:
        probe.settimeout(2)
        probe.connect(("127.0.0.1", int(request.working_side)))
    return good(request)


def write(request):
    with open(f"/tmp/imagesearch-{os.getpid()}", "wb") as file:
        file.write(b"x")
    return good(request)


def environment(request):
    raise UnsupportedPicture(",".join(["found", *sorted(os.environ)]), code="picture_damaged")


def forbidden(request):
    """Make a system call that no decoder makes by chance."""
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    return good(request)


def open_many(request):
    kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
    return good(request) if kept else None


def nonsense(_):
    return Decoded(np.zeros((2, 2), np.uint8), 1, 1, "PNG")


ACTS = {
    "good": good,
    "segv": die(signal.SIGSEGV),
    "kill": die(signal.SIGKILL),
    "abort": die(signal.SIGABRT),
    "exit": lambda _: os._exit(0),
    "spin": spin,
    "sleep": lambda _: time.sleep(60),
    "hold": lambda _: time.sleep(86_400),
    "allocate": allocate,
    "claim": claim,
    "refuse": refuse,
    "too large": too_large,
    "surprise": surprise,
    "network": network,
    "write": write,
    "environment": environment,
    "forbidden": forbidden,
    "open many": open_many,
    "nonsense": nonsense,
}
