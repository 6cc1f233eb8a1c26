"""Ordinary use of a site for a while, with a worker killed each minute, and the memory of each of its programs."""

from __future__ import annotations

import contextlib
import random
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import requests

from tests.chaos.site import PROGRAMS, Pictures, Site

UPLOADS_EVERY, SEARCHES_EVERY, CHANGES_EVERY, LOOK_EVERY = 0.5, 0.2, 2.0, 10.0
WARM_UP = 0.3  # share of the time after which memory is compared with that at the end
AT_THE_END = 0.2


@dataclass
class Soak:
    """Several people at once; ``wrong`` holds every answer that no client should see."""

    site: Site
    pictures: Pictures
    dice: random.Random
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    kills: int = 0
    images: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, *, minutes: float) -> Soak:
        """Use the site for so long; returns itself."""
        acts = [
            (self._upload, UPLOADS_EVERY), (self._search, SEARCHES_EVERY), (self._change, CHANGES_EVERY),
            (self._look, LOOK_EVERY), (self._kill, 60.0),
        ]  # fmt: skip
        threads = [threading.Thread(target=self._again, args=act) for act in acts]
        for thread in threads:
            thread.start()
        self.over.wait(minutes * 60)
        self.over.set()
        for thread in threads:
            thread.join()
        return self

    def growth(self) -> dict[str, float]:
        """Share by which each program's own memory grew from after the warm-up to the end, by medians."""
        grown = {}
        for name, sizes in self.memory.items():
            last = max(1, round(len(sizes) * AT_THE_END))
            first = round(len(sizes) * WARM_UP)
            before = statistics.median(sizes[first : first + last])
            grown[name] = statistics.median(sizes[-last:]) / before - 1
        return grown

    def _again(self, act: Callable[[requests.Session], None], every: float) -> None:
        session = requests.Session()
        session.headers = self.site.session.headers
        due = time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due = max(due + every, time.monotonic() - 1)
            act(session)

    def _call(self, session: requests.Session, method: str, path: str, **arguments: object) -> requests.Response:
        answer = session.request(method, self.site.url(path), timeout=60, **arguments)
        self.statuses[answer.status_code] += 1
        patient = answer.status_code == 503 and int(answer.headers.get("Retry-After", 0)) > 0
        if answer.status_code >= 500 and not patient:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def _upload(self, session: requests.Session) -> None:
        files = {"file": ("picture.jpg", self.pictures.next(), "image/jpeg")}
        answer = self._call(session, "POST", "images/", data={"collection": self.site.collection}, files=files)
        if answer.status_code == 201:
            self.images.append(answer.json()["id"])

    def _search(self, session: requests.Session) -> None:
        if self.images:
            self._call(session, "GET", f"images/{self.dice.choice(self.images)}/similar/")

    def _change(self, session: requests.Session) -> None:
        if len(self.images) < 20:
            return
        self._call(session, "PATCH", f"images/{self.dice.choice(self.images)}/", json={"title": f"{time.time():.0f}"})
        gone = self.images.pop(self.dice.randrange(len(self.images)))
        self._call(session, "DELETE", f"images/{gone}/")

    def _kill(self, _session: requests.Session) -> None:
        if self.images:  # not before the first picture
            self.site.kill_child()
            self.kills += 1

    def _look(self, _session: requests.Session) -> None:
        for name, size in memory(self.site).items():
            self.memory[name].append(size)


def memory(site: Site) -> dict[str, float]:
    """Memory in MiB of each program with all its processes: its own pages, and its part of what is shared."""
    found: dict[str, float] = {}
    for name in PROGRAMS:
        main = site.find(name)
        with contextlib.suppress(psutil.Error):
            for process in [main, *main.children(recursive=True)] if main else []:
                found[name] = found.get(name, 0.0) + process.memory_full_info().pss / 2**20
    return found
