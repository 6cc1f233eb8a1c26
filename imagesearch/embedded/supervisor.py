"""Starts groups of processes in order, keeps them running, and stops them in reverse order."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain

from imagesearch.embedded.forked import uninterrupted
from imagesearch.embedded.process import Process, Service, StartError, end, end_orphans, nothing
from imagesearch.embedded.signs import Signs, started

# Between two looks at what starts: a slow machine has better things to do than to be asked all the time.
FIRST_LOOK, LONGEST_LOOK = 0.05, 1.0
SAY_SECONDS = 15.0
WATCH_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0
LOG_BYTES = 20 * 1024 * 1024


@dataclass
class Running:
    """One service and its present process; ``pause`` is how long to wait before its next start."""

    service: Service
    signs: Signs
    pause: float = FIRST_PAUSE
    due: float | None = None
    serves: bool = False

    @property
    def process(self) -> Process:
        """The process that runs now, or ran last."""
        return self.signs.process

    @property
    def ended(self) -> bool:
        """Has the process ended?"""
        return self.process.poll() is not None

    @property
    def mute(self) -> bool:
        """Does it not serve, and has it shown no sign of life for too long?"""
        return not self.serves and self.signs.silent() > self.service.silent_seconds

    def launch(self) -> None:
        """Start the process anew."""
        self.due, self.serves = None, False
        self.service.prepare()
        with uninterrupted():
            self.signs = started(self.service)

    def look(self) -> bool:
        """Does it serve by now? The first time that it answers, it is settled. Raises StartError."""
        if not self.serves and self.service.answers():
            self.service.settle()
            self.serves = True
        return self.serves


class Supervisor:
    """Keeps groups of services; the group started last is stopped first. ``say`` gets one sentence per event."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.groups: list[list[Running]] = []

    def start(self, *services: Service, meanwhile: Callable[[], None] = nothing) -> None:
        """Start a group side by side, do something ``meanwhile``, and wait until all of it answers.

        Raises StartError when one of it ends or falls silent; ``stop`` is then due.
        """
        group: list[Running] = []
        self.groups.append(group)
        for service in services:
            service.prepare()
            with uninterrupted():
                group.append(Running(service, started(service)))
        meanwhile()
        self._await(lambda: [running for running in group if not running.look()])

    def run(self, service: Service) -> None:
        """Run a process that ends by itself; raises StartError when it fails.

        It may be silent for long: a database at work for it shows in no process of its own.
        """
        with uninterrupted():
            running = Running(replace(service, silent_seconds=math.inf), started(service))
            self.groups.append([running])
        self._await(lambda: _unfinished(running))
        self.groups.pop()

    def watch(self) -> None:
        """Look after everything for ever; an exception of a signal handler ends it."""
        while True:
            for group in self.groups:
                for running in group:
                    self.look_after(running)
            time.sleep(WATCH_SECONDS)

    def look_after(self, running: Running) -> None:
        """Start one service again when it has ended and its pause is over; each failure doubles the pause."""
        _keep_short(running.service)
        if not running.ended:
            self._see_it_start(running)
            return
        now = time.monotonic()
        if running.due is None:
            end_orphans(running.process)
            running.pause = FIRST_PAUSE if running.signs.waited > STEADY_SECONDS else running.pause
            running.due = now + running.pause
            self.say(
                f"{running.service.name} ended with status {running.process.returncode}; it starts again in "
                f"{running.pause:g} s. {running.signs.last_words()}"
            )
            running.pause = min(running.pause * 2, LONGEST_PAUSE)
        elif now >= running.due:
            self._restart(running)

    def stop(self, *, within: float = math.inf) -> None:
        """Stop everything, last group first; a group is asked together, and who takes too long is killed.

        All of it ends ``within`` so many seconds: no group takes the time that those after it need at least.
        """
        deadline = time.monotonic() + within
        while self.groups:
            group = self.groups.pop()
            kept = sum(max((running.service.stop_least for running in later), default=0) for later in self.groups)
            self._end(group, until=deadline - kept)

    def _end(self, group: list[Running], *, until: float) -> None:
        asked = time.monotonic()
        for running in group:
            if not running.ended:
                running.process.send_signal(running.service.stop_signal)
        for running in group:
            if running.due is not None:
                continue  # ended long ago, and waits for its next start
            left = min(asked + running.service.stop_seconds, until) - time.monotonic()
            if not end(running.process, seconds=left):
                held = f" {running.service.holds}" if running.service.holds else ""
                self.say(f"{running.service.name} was killed, as it did not stop by itself.{held}")

    def _restart(self, running: Running) -> None:
        try:
            running.launch()
        except StartError as error:
            self.say(str(error))

    def _see_it_start(self, running: Running) -> None:
        """Settle one that was started again, once it answers; end it when it falls silent before."""
        try:
            running.look()
        except StartError as error:
            self.say(str(error))
        if running.mute:
            self.say(_silence(running))
            running.process.kill()

    def _await(self, missing: Callable[[], list[Running]]) -> None:
        """Return when none is missing, and say meanwhile who is; keep the groups before the last one running."""
        pause, say_at = FIRST_LOOK, time.monotonic() + SAY_SECONDS
        while late := missing():
            for running in late:
                _require_life(running)
            for running in chain(*self.groups[:-1]):
                self.look_after(running)
            if time.monotonic() > say_at:
                say_at += SAY_SECONDS
                self.say(_waiting(late))
            time.sleep(pause)
            pause = min(pause * 1.2, LONGEST_LOOK)


def _unfinished(running: Running) -> list[Running]:
    if running.process.poll():
        raise StartError(f"{running.service.name} failed. {running.signs.last_words()}")
    return [] if running.ended else [running]


def _require_life(running: Running) -> None:
    """Raise StartError for one that ended, or fell silent, before it served."""
    if running.ended:
        raise StartError(f"{running.service.name} does not start. {running.signs.last_words()}")
    if running.mute:
        raise StartError(_silence(running))


def _silence(running: Running) -> str:
    service = running.service
    return (
        f"{service.name} does not start: no sign of life for {service.silent_seconds:g} s. {running.signs.last_words()}"
    )


def _waiting(late: list[Running]) -> str:
    names = ", ".join(f"{running.service.name} ({running.signs.waited:.0f} s)" for running in late)
    return f"Still waiting for {names}. {late[0].signs.last_words()}"


def _keep_short(service: Service) -> None:
    """Copy a long log aside and empty it; the process, which opened it to append, goes on at its start."""
    if service.log.exists() and service.log.stat().st_size > LOG_BYTES:
        shutil.copyfile(service.log, service.log.with_suffix(".log.1"))
        with service.log.open("r+b") as file:
            file.truncate()
