"""Ordinary use of a site for a while, with a worker killed each minute, and the memory of each of its programs."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import requests

from tests.chaos import memory
from tests.chaos.site import Pictures, Site

UPLOADS_EVERY, SEARCHES_EVERY, CHANGES_EVERY, LOOK_EVERY, KILL_EVERY = 0.5, 0.2, 2.0, 5.0, 60.0
GROWN_UP = 30.0  # seconds: a worker's process that is killed each minute is compared from this age on
DONE = {"upload": 201, "search": 200, "edit": 200, "delete": 204}


@dataclass
class Soak:
    """Several people at once; ``wrong`` holds every answer that no client should see.

    ``readings`` holds each program's memory in order.
    """

    site: Site
    pictures: Pictures
    dice: random.Random
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    readings: dict[str, list[memory.Reading]] = field(default_factory=lambda: defaultdict(list))
    kills: int = 0
    looks: int = 0
    images: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, *, minutes: float, kill: bool = True) -> Soak:
        """Use the site for so long; returns itself, and raises what any of the people ran into."""
        acts = [
            (self._upload, UPLOADS_EVERY), (self._search, SEARCHES_EVERY), (self._change, CHANGES_EVERY),
            (self._look, LOOK_EVERY), *([(self._kill, KILL_EVERY)] if kill else []),
        ]  # fmt: skip
        with ThreadPoolExecutor(len(acts)) as people:
            at_it = [people.submit(self._again, act, every) for act, every in acts]
            wait(at_it, timeout=minutes * 60, return_when=FIRST_EXCEPTION)
            self.over.set()
        for one in at_it:
            one.result()
        return self

    def series(self, name: str) -> list[float]:
        """The figures of a program that must stay flat; a worker's only once its process has been at work a while."""
        grown_up = GROWN_UP if name == "worker" else 0
        return [memory.judged(name, one) for one in self.readings[name] if one.youngest >= grown_up]

    def growth(self) -> dict[str, float]:
        """Share by which each program's own memory grew from after the warm-up to the end, by medians."""
        return {name: memory.growth(self.series(name)) for name in self.readings}

    def _again(self, act: Callable[[requests.Session], None], every: float) -> None:
        session = requests.Session()
        session.headers = self.site.session.headers
        due = time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due = max(due + every, time.monotonic() - 1)
            act(session)

    def _call(self, session: requests.Session, act: str, method: str, path: str, **more: object) -> requests.Response:
        answer = session.request(method, self.site.url(path), timeout=60, **more)
        self.statuses[answer.status_code] += 1
        self.done[act] += answer.status_code == DONE[act]
        if answer.status_code >= 500:  # no server is ever down here
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def _upload(self, session: requests.Session) -> None:
        fields = {"collection": self.site.collection}
        files = {"file": ("picture.jpg", self.pictures.next(), "image/jpeg")}
        answer = self._call(session, "upload", "POST", "images/", data=fields, files=files)
        if answer.status_code == DONE["upload"]:
            self.images.append(answer.json()["id"])

    def _search(self, session: requests.Session) -> None:
        if self.images:
            self._call(session, "search", "GET", f"images/{self.dice.choice(self.images)}/similar/")

    def _change(self, session: requests.Session) -> None:
        if len(self.images) < 20:
            return
        title = {"title": f"{time.time():.0f}"}
        self._call(session, "edit", "PATCH", f"images/{self.dice.choice(self.images)}/", json=title)
        gone = self.images.pop(self.dice.randrange(len(self.images)))
        self._call(session, "delete", "DELETE", f"images/{gone}/")

    def _kill(self, _session: requests.Session) -> None:
        if self.images:  # not before the first picture
            self.site.kill_child()
            self.kills += 1

    def _look(self, _session: requests.Session) -> None:
        self.looks += 1
        for name, reading in memory.read_all(self.site).items():
            self.readings[name].append(reading)
