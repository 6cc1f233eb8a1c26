"""Signs of life of a process that does not answer yet: words in its log, processor time, bytes read and written."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from imagesearch.embedded.process import Process, Service, launch

PROC = Path("/proc")
LOOK_SECONDS = 1.0
# Less is what an idle process takes that only looks at its clock: no sign that it gets on.
LEAST_SECONDS, LEAST_BYTES = 0.5, 1 << 20


@dataclass
class Signs:
    """What one process and its children have done so far, and when they last got on.

    ``start`` is what was in the log when it began. Without /proc the log alone tells.
    """

    service: Service
    process: Process
    start: int = 0
    began: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    _looked: float = 0.0
    _work: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self._words = self.start

    @property
    def waited(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.began

    def last_words(self) -> str:
        """What it wrote last, and where more stands."""
        said = self.service.last_words(since=self.start).rstrip(".")
        return f"Its last words: {said}. More in {self.service.log}"

    def silent(self) -> float:
        """Seconds without a sign of life; looks for one, at most once a second."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            if self._gets_on():
                self.last = now
        return now - self.last

    def _gets_on(self) -> bool:
        words, work = self.service.said(), _work(self.process.pid)
        spoke = words != self._words
        worked = abs(work[0] - self._work[0]) >= LEAST_SECONDS or abs(work[1] - self._work[1]) >= LEAST_BYTES
        self._words = words
        if worked:
            self._work = work
        return spoke or worked


def started(service: Service) -> Signs:
    """Start the process of a service, and watch it."""
    start = service.said()
    return Signs(service, launch(service), start)


def _work(session: int) -> tuple[float, int]:
    """Seconds on a processor and bytes moved by all processes of a session, those that have ended included."""
    found = [_of(entry, session) for entry in PROC.glob("[0-9]*")]
    return sum(seconds for seconds, _ in found), sum(count for _, count in found)


def _of(entry: Path, session: int) -> tuple[float, int]:
    """The same of one process; nothing of one that has just ended, or belongs to another session."""
    try:
        words = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        if int(words[3]) != session:
            return 0.0, 0
        seconds = sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
        return seconds, _moved(entry)
    except OSError:
        return 0.0, 0


def _moved(entry: Path) -> int:
    try:
        lines = (entry / "io").read_text().splitlines()
    except PermissionError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))
