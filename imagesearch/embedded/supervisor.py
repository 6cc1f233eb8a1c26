"""Starts groups of processes in order, keeps them running, and stops them in reverse order."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from imagesearch.embedded.process import Service, StartError, end, end_orphans, launch

POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0
LOG_BYTES = 20 * 1024 * 1024


@dataclass
class Running:
    """One service and its present process; ``pause`` is how long to wait before its next start."""

    service: Service
    process: subprocess.Popen[bytes]
    since: float
    pause: float = FIRST_PAUSE
    due: float | None = None

    @property
    def ended(self) -> bool:
        """Has the process ended?"""
        return self.process.poll() is not None


class Supervisor:
    """Keeps groups of services; the group started last is stopped first. ``say`` gets one sentence per event."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.groups: list[list[Running]] = []

    def start(self, *services: Service) -> None:
        """Start a group side by side and wait until all of it answers. Raises StartError; ``stop`` is then due."""
        group: list[Running] = []
        self.groups.append(group)
        for service in services:
            service.prepare()
            group.append(Running(service, launch(service), time.monotonic()))
        for running in group:
            self._await(running)

    def run(self, service: Service) -> None:
        """Run a process that ends by itself; raises StartError when it fails."""
        running = Running(service, launch(service), time.monotonic())
        self.groups.append([running])
        if running.process.wait():
            raise StartError(f"{service.name} failed: {service.last_words()} More in {service.log}")
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
            return
        now = time.monotonic()
        if running.due is None:
            end_orphans(running.process)
            running.pause = FIRST_PAUSE if now - running.since > STEADY_SECONDS else running.pause
            running.due = now + running.pause
            self.say(
                f"{running.service.name} ended with status {running.process.returncode}; it starts again in "
                f"{running.pause:g} s. Its last words: {running.service.last_words()}"
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
                self.say(f"{running.service.name} was killed, as it did not stop by itself.")

    def _restart(self, running: Running) -> None:
        running.due = None
        try:
            running.service.prepare()
            running.process = launch(running.service)
            running.since = time.monotonic()
            self._await(running)
        except StartError as error:
            self.say(str(error))

    def _await(self, running: Running) -> None:
        """Return when the service answers; raise StartError when it ends first or its time is over."""
        service, deadline = running.service, time.monotonic() + running.service.start_seconds
        while not service.answers():
            if running.ended:
                raise StartError(f"{service.name} does not start. Its last words: {service.last_words()}")
            if time.monotonic() > deadline:
                raise StartError(f"{service.name} did not answer within {service.start_seconds:g} s; see {service.log}")
            time.sleep(POLL_SECONDS)
        service.settle()


def _keep_short(service: Service) -> None:
    """Copy a long log aside and empty it; the process, which opened it to append, goes on at its start."""
    if service.log.exists() and service.log.stat().st_size > LOG_BYTES:
        shutil.copyfile(service.log, service.log.with_suffix(".log.1"))
        with service.log.open("r+b") as file:
            file.truncate()
