"""Somebody who searches five times a second while a site is changed, and keeps every answer to be held to the truth."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import requests

from tests.chaos.crowd import Stored
from tests.chaos.site import Site

EVERY = 0.2
K = 24


@dataclass(frozen=True)
class Answer:
    """What was asked by, which encoder the answer names, and what it found, nearest first."""

    image: str
    encoder: str
    found: tuple[str, ...]
    exact: bool


@dataclass
class Watch:
    """Asks for what is like each of these pictures in turn; what goes wrong in its thread is raised at its end."""

    site: Site
    images: Sequence[str]
    answers: list[Answer] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    done: Event = field(default_factory=Event)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    running: Future[None] | None = None
    seconds: float = 0.0

    def __enter__(self) -> Watch:
        self.running = self.pool.submit(self._run)
        return self

    def __exit__(self, *_: Any) -> None:
        self.done.set()
        self.pool.shutdown()
        self.running.result()

    def _run(self) -> None:
        session = requests.Session()
        session.headers = self.site.session.headers
        began = due = time.monotonic()
        while not self.done.wait(max(0.0, due - time.monotonic())):
            due += EVERY
            self._ask(session, self.images[self.statuses.total() % len(self.images)])
        self.seconds = time.monotonic() - began

    def _ask(self, session: requests.Session, image: str) -> None:
        got = session.get(self.site.url(f"images/{image}/similar/"), params={"k": K, "measure": "cosine"}, timeout=60)
        self.statuses[got.status_code] += 1
        if got.status_code == 200:
            body = got.json()
            found = tuple(row["image"]["id"] for row in body["results"])
            self.answers.append(Answer(image, body["encoder"], found, body["exact"]))

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.statuses.total() / self.seconds

    def switches(self) -> list[str]:
        """Return the encoders in the order in which they answered, each once for a run of its answers."""
        names = [answer.encoder for answer in self.answers]
        return [name for before, name in zip([None, *names], names, strict=False) if before != name]

    def mixed(self, stored: Mapping[str, Stored]) -> list[Answer]:
        """Return the answers that are not, picture by picture, the nearest by the encoder that they name."""
        return [answer for answer in self.answers if not self._right(answer, stored[answer.encoder])]

    def _right(self, answer: Answer, stored: Stored) -> bool:
        others = stored.numbers.keys() - {answer.image}
        return stored.agrees(answer.image, answer.found, among=others, k=K)
