"""Whose picture is decoded next: fair turns between people, and a short line before them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from retrieval.ingest.picture import Decoded

# A turn lasts so many seconds of decoding, so that one child does several quick pictures of a person in a row.
TURN_SECONDS = 1.0


def _nothing(_seconds: float) -> None:
    pass


@dataclass(frozen=True)
class Asker:
    """For whom a picture is decoded. All that bear one ``name`` are one person and share that person's turns.

    One who is ``patient`` waits for a turn however long it takes, as background work does; anybody else is refused when
    the line is long. ``charge`` is told the seconds that each picture has held a decoder.
    """

    name: str
    patient: bool = False
    charge: Callable[[float], None] = _nothing

    @classmethod
    def behind(cls, user_id: int, *, charge: Callable[[float], None] = _nothing) -> Asker:
        """Return the person for whom a worker decodes: takes turns with others, and is never refused.

        ``charge`` is told the seconds in the thread that decodes.
        """
        return cls(f"user:{user_id}", patient=True, charge=charge)


@dataclass(eq=False)
class Job:
    """A picture that waits for its turn: for whom, what is then done, and what is to come of it."""

    asker: Asker
    work: Callable[[], Decoded]
    future: Future[Decoded] = field(default_factory=Future)
    arrived: int = 0


@dataclass(frozen=True)
class Shares:
    """How decoders are shared: ``places`` for everybody, ``spare`` ones for those who have none, and who may wait.

    One person may use all places while nobody else wants one. Who comes then gets a spare place at once, and the next
    that comes free. ``line`` is how many may wait for a turn, the patient not counted.
    """

    places: int
    spare: int = 1
    line: float = math.inf


class Turns:
    """The jobs that wait and run. For one thread at a time: its owner holds a lock."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._waiting: dict[str, deque[Job]] = {}
        self._running: Counter[str] = Counter()
        self._ended: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._used: defaultdict[str, float] = defaultdict(float)
        self._now = 0

    def add(self, job: Job) -> None:
        """Put a job in line."""
        self._now += 1
        job.arrived = self._now
        self._waiting.setdefault(job.asker.name, deque()).append(job)

    def leave(self) -> Job | None:
        """Return the job that has to leave the line, None when it is short enough; to be asked once nobody can begin.

        That is the latest of the person who has the most in line, so that nobody is refused for what another sends.
        """
        self._drop_cancelled()
        lines = [[job for job in jobs if not job.asker.patient] for jobs in self._waiting.values()]
        if sum(map(len, lines)) <= self._shares.line:
            return None
        leaving = max(lines, key=lambda jobs: (len(jobs), jobs[-1].arrived if jobs else 0))[-1]
        self._remove(leaving)
        return leaving

    def take(self) -> Job | None:
        """Return the job whose turn it is, from now on running; None when there is none or no place for it."""
        self._drop_cancelled()
        while names := self._admitted():
            name = min(names, key=self._rank)
            self._turns.setdefault(name, self._since(name))
            job = self._waiting[name][0]
            self._remove(job)
            if job.future.set_running_or_notify_cancel():
                self._running[name] += 1
                return job
        return None

    def done(self, job: Job, *, seconds: float) -> None:
        """Free the place of a job that ran so long; who has used up a turn goes behind those who wait."""
        name = job.asker.name
        self._running[name] -= 1
        self._used[name] += seconds
        if self._used[name] >= TURN_SECONDS:
            self._now += 1
            self._ended[name] = self._now
            del self._used[name]
            self._turns.pop(name, None)
        if not self._running[name] and name not in self._waiting:
            for known in (self._running, self._used, self._turns, self._ended):
                known.pop(name, None)

    def _admitted(self) -> list[str]:
        """Who may have the next place: anybody while there are places, then those who have none a spare one."""
        running = self._running.total()
        if running < self._shares.places:
            return list(self._waiting)
        if running < self._shares.places + self._shares.spare:
            return [name for name in self._waiting if not self._running[name]]
        return []

    def _rank(self, name: str) -> tuple[int, int]:
        """Fewest running first; among equals who waits longest, whose turn has begun before those whose has not."""
        return self._running[name], self._turns.get(name, self._since(name))

    def _since(self, name: str) -> int:
        """Since when the person waits: the arrival of the next picture, or the end of the last turn."""
        return max(self._waiting[name][0].arrived, self._ended.get(name, 0))

    def _remove(self, job: Job) -> None:
        name = job.asker.name
        self._waiting[name].remove(job)
        if not self._waiting[name]:
            del self._waiting[name]

    def _drop_cancelled(self) -> None:
        for job in [job for jobs in self._waiting.values() for job in jobs if job.future.cancelled()]:
            job.future.set_running_or_notify_cancel()
            self._remove(job)
