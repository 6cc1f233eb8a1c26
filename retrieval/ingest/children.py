"""The decoding children of one process: each sees the pictures of one person, and few of them."""

from __future__ import annotations

import threading

from retrieval.errors import Unavailable
from retrieval.ingest.process import Child, ChildLimits, EndedError

NOBODY = ""


class Children:
    """Children that run; safe to use from many threads."""

    def __init__(self, limits: ChildLimits, *, most: int, tasks: int) -> None:
        """Keep at most ``most``, idle and in use together; each is for ``tasks`` pictures."""
        self._limits, self._most, self._tasks = limits, most, tasks
        self._lock = threading.Lock()
        self._used = 0
        # By whose pictures each has seen; who waits longest is first.
        self._idle: list[tuple[str, Child]] = []

    def take(self, name: str) -> Child:
        """Return a child that has seen this person's pictures alone, or none; one of another person's makes room.

        Raises Unavailable when none can be started.
        """
        with self._lock:
            self._used += 1
        while (idle := self._idle_of(name)) is not None:
            if idle.alive:
                return idle
            idle.stop()
        try:
            self._make_room()
            return self.start()
        except Unavailable:
            with self._lock:
                self._used -= 1
            raise

    def start(self) -> Child:
        """Start a child. Raises Unavailable when it does not come up."""
        try:
            return Child(self._limits)
        except (EndedError, OSError) as error:
            raise Unavailable("The picture decoder does not start.", code="decoder_unavailable") from error

    def give_back(self, child: Child, name: str) -> None:
        """Keep a taken child for this person's next picture, or stop it when it has had its share."""
        keep = child.alive and child.tasks < self._tasks
        with self._lock:
            self._used -= 1
            if keep:
                self._idle.append((name, child))
        if not keep:
            child.stop()

    def add(self, child: Child) -> None:
        """Keep a child that was just started, for whoever comes first."""
        with self._lock:
            self._idle.append((NOBODY, child))

    def close(self) -> None:
        """Stop the idle ones."""
        while self._idle:
            self._idle.pop()[1].stop()

    def _idle_of(self, name: str) -> Child | None:
        with self._lock:
            found = [entry for entry in self._idle if entry[0] == name]
            found = found or [entry for entry in self._idle if entry[0] == NOBODY]
            if not found:
                return None
            self._idle.remove(found[-1])
            return found[-1][1]

    def _make_room(self) -> None:
        """Stop those that have been idle longest, so that with the new one there are not too many."""
        with self._lock:
            many = max(0, len(self._idle) + self._used - self._most)
            leaving, self._idle = self._idle[:many], self._idle[many:]
        for _, child in leaving:
            child.stop()
