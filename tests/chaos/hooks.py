"""Faults inside the programs of a running site; each is on while its file is there.

The settings ``tests.chaos.hooked`` bring them in.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from celery.app.task import Task
from celery.signals import worker_process_init
from django.apps import AppConfig
from kombu.exceptions import OperationalError

SLOW_START = 10  # seconds
# What a site is started with whose programs are to have these faults.
EXTRA = {"DJANGO_SETTINGS_MODULE": "tests.chaos.hooked", "PYTHONPATH": str(Path(__file__).parents[2])}


class Fault(StrEnum):
    """What goes wrong, and the name of the file that makes it so."""

    UNSENT = "unsent"  # no program can send a message
    KILLED = "killed"  # the next worker that has decoded and encoded a batch is killed before it stores it
    HELD = "held"  # workers wait at that very place
    SLOW = "slow"  # a worker's child takes long to start
    TAKEN_AGAIN = "taken-again"  # what another worker holds under a live lease is due as well


def switch(folder: Path, fault: Fault) -> Path:
    """The file that switches a fault on in the site with this data folder."""
    return folder / "hooks" / fault


def times(folder: Path, fault: Fault) -> int:
    """How often the fault happened."""
    counted = switch(folder, fault).with_suffix(".times")
    return counted.stat().st_size if counted.exists() else 0


@contextlib.contextmanager
def switched_on(folder: Path, fault: Fault) -> Iterator[None]:
    """Have the fault happen meanwhile."""
    file = switch(folder, fault)
    file.parent.mkdir(exist_ok=True)
    file.touch()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


class Hooks(AppConfig):
    """Puts the faults in once all models are there."""

    name, label, path = "tests.chaos", "chaos", str(Path(__file__).parent)

    def ready(self) -> None:
        """Wrap what is to fail."""
        from retrieval import conf
        from retrieval.models.jobs import EmbeddingJobQuerySet
        from retrieval.work import ledger
        from tests.chaos import ending

        folder = conf.get().data_dir
        Task.apply_async = _unless_unsent(folder, Task.apply_async)
        ledger.finish = _unless_killed(folder, ledger.finish)
        EmbeddingJobQuerySet.due = _or_taken(folder, EmbeddingJobQuerySet.due)
        worker_process_init.connect(functools.partial(_start_slowly, folder), weak=False)
        ending.install()


def _unless_unsent(folder, send):
    @functools.wraps(send)
    def sent(*values, **named):
        if switch(folder, Fault.UNSENT).exists():
            _count(folder, Fault.UNSENT)
            raise OperationalError("no message leaves this program")
        return send(*values, **named)

    return sent


def _unless_killed(folder, finish):
    @functools.wraps(finish)
    def finished(claim, found):
        while switch(folder, Fault.HELD).exists():
            time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            switch(folder, Fault.KILLED).unlink()
            _count(folder, Fault.KILLED)
            os.kill(os.getpid(), signal.SIGKILL)
        return finish(claim, found)

    return finished


def _start_slowly(folder, **_):
    if switch(folder, Fault.SLOW).exists():
        time.sleep(SLOW_START)
        _count(folder, Fault.SLOW)


def _or_taken(folder, due):
    @functools.wraps(due)
    def open_or_due(jobs):
        return jobs.open() if switch(folder, Fault.TAKEN_AGAIN).exists() else due(jobs)

    return open_or_due


def _count(folder: Path, fault: Fault) -> None:
    with switch(folder, fault).with_suffix(".times").open("a") as counted:
        counted.write(".")
