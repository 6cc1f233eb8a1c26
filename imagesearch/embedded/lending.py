"""Who runs the embedded servers of a data folder: one owner at a time, from whom every other command borrows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from imagesearch.embedded.process import Service, StartError
from imagesearch.embedded.supervisor import Supervisor

BORROW_SECONDS = 60
SERVERLESS = frozenset({
    "--help", "--version", "-h", "collect_static", "collectstatic", "compilemessages", "diffsettings",
    "draw_pictures", "draw_views", "findstatic", "help", "makemessages", "spectacular", "startapp", "startproject",
    "up", "version",
})  # fmt: skip

Say = Callable[[str], None]


class OwnedElsewhere(Exception):
    """Another program runs the servers; the message says which."""


def needs_servers(argv: Sequence[str]) -> bool:
    """Does this command line name a command that talks to the servers?"""
    return len(argv) > 1 and argv[1] not in SERVERLESS and not {"--help", "-h"} & set(argv[2:])


@contextlib.contextmanager
def own(data_dir: Path, *, title: str) -> Iterator[None]:
    """Be the one who runs the servers, or raise OwnedElsewhere; it ends with the process, however that dies."""
    with (data_dir / "servers.lock").open("a+") as lock:
        if not _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            lock.seek(0)
            raise OwnedElsewhere(lock.read().strip() or "another program")
        lock.truncate(0)
        lock.write(f"{title} (process {os.getpid()})")
        lock.flush()
        yield


@contextlib.contextmanager
def lent(data_dir: Path, services: Sequence[Service], *, title: str, say: Say) -> Iterator[None]:
    """Have the services running: the owner's, or else our own until the block and all who borrowed from us are done."""
    with contextlib.ExitStack() as stack:
        borrowers = stack.enter_context((data_dir / "borrowers.lock").open("a+"))
        try:
            stack.enter_context(own(data_dir, title=title))
        except OwnedElsewhere as owner:
            _borrow(borrowers, services, owner=str(owner))
        else:
            supervisor = Supervisor(say)
            stack.callback(supervisor.stop)
            stack.callback(_await_borrowers, borrowers, say)
            supervisor.start(*services)
        yield


def _borrow(borrowers: IO[str], services: Sequence[Service], *, owner: str) -> None:
    """Make the owner wait for us, and wait until its servers answer and it has settled them."""
    _lock(borrowers, fcntl.LOCK_SH)
    deadline = time.monotonic() + BORROW_SECONDS
    for service in services:
        while not (service.answers() and service.ready()):
            if time.monotonic() > deadline:
                raise StartError(f"{service.name} of {owner} does not answer; try again when that has ended.")
            time.sleep(0.1)


def _await_borrowers(borrowers: IO[str], say: Say) -> None:
    if not _lock(borrowers, fcntl.LOCK_EX | fcntl.LOCK_NB):
        say("The servers stop when the other commands that use them are done.")
        _lock(borrowers, fcntl.LOCK_EX)


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False
    return True
