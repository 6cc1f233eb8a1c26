"""The work that a site has and does while it is hurt: queued, under way, cut short; and its people meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import requests

from tests.chaos.site import Pictures, Site

PER_SECOND = 5
AT_WORK = 120
# What a process claimed and never ended, by a log to which rows are only ever added.
CUT_SHORT = """
SELECT count(*) FROM retrieval_jobevent AS claimed WHERE kind = 'claimed' AND worker LIKE '%/{pid}/%' AND NOT EXISTS (
  SELECT FROM retrieval_jobevent AS ended WHERE ended.kind <> 'claimed' AND ended.lease_token = claimed.lease_token
  AND ended.image_id = claimed.image_id AND ended.encoder_id = claimed.encoder_id)
"""


def seconds_until(condition, *, most):
    """Wait until something is so and return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < most, f"not within {most} s"
        time.sleep(0.1)
    return time.monotonic() - began


def queue(site: Site, pictures: Pictures, count: int) -> None:
    """Put pictures in while no worker takes them, so that all wait."""
    with site.frozen("worker"):
        site.upload_all([pictures.next() for _ in range(count)])


def working_child(site: Site) -> psutil.Process:
    """Wait until the ledger says that the worker's child has pictures in hand; return the child."""
    deadline = time.monotonic() + AT_WORK
    while time.monotonic() < deadline:
        child = site.child()
        running = f"state = 'running' AND lease_until > now() AND worker LIKE '%/{child.pid}/%'"
        if site.query(f"SELECT count(*) FROM retrieval_embeddingjob WHERE {running}")[0][0]:
            return child
        time.sleep(0.05)
    raise AssertionError(f"No child at work within {AT_WORK} s, but {site.jobs()}.")


def cut_short(site: Site, pid: int) -> int:
    """Count the pictures that this process, which is gone, had in hand at its end."""
    return site.query(CUT_SHORT.format(pid=pid))[0][0]


class Filled:
    """Uploads in the background whenever fewer than ``least`` pictures wait, as a good client does.

    ``refusals`` are the answers after which it asked again (0 for a broken connection), ``answered`` the times at which
    a picture was accepted.
    """

    def __init__(self, site: Site, pictures: Pictures, *, least: float = 100):
        self.site, self.pictures, self.least = site, pictures, least
        self.refusals: list[int] = []
        self.answered: list[float] = []
        self.done = threading.Event()

    def __enter__(self):
        self.pool = ThreadPoolExecutor(1)
        self.run = self.pool.submit(self._run)
        return self

    def __exit__(self, *_):
        _end(self.done, self.pool, [self.run])

    def _run(self):
        while not self.done.wait(0.05):
            if self.site.jobs().get("pending", 0) < self.least:
                self.refusals += self.site.upload_stubbornly(self.pictures.next())
                self.answered.append(time.monotonic())


class Searches:
    """Five searches a second in the background, each with a look at the picture that it began from.

    ``answers`` counts by status, or by the name of what came instead of an answer; ``searched`` the searches alone.
    """

    def __init__(self, site: Site):
        self.site, self.answers, self.searched, self.done = site, Counter(), 0, threading.Event()
        self.known = [row["id"] for row in site.session.get(site.url("images/")).json()["results"]]

    def __enter__(self):
        self.began = time.monotonic()
        self.pool = ThreadPoolExecutor(PER_SECOND)
        self.runs = [self.pool.submit(self._run, number) for number in range(PER_SECOND)]
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        _end(self.done, self.pool, self.runs)

    def _run(self, number):
        session = requests.Session()
        session.headers = self.site.session.headers
        due = self.began + number / PER_SECOND
        while not self.done.wait(max(0.0, due - time.monotonic())):
            due += 1
            number += PER_SECOND
            image_id = self.known[number % len(self.known)]
            self._ask(session, f"images/{image_id}/")
            self._ask(session, f"images/{image_id}/similar/")
            self.searched += 1

    def _ask(self, session, path):
        try:
            answer = session.get(self.site.url(path), timeout=60)
        except requests.RequestException as error:
            self.answers[type(error).__name__] += 1
            return
        if answer.status_code == 503 and int(answer.headers.get("Retry-After", 0)) <= 0:
            self.answers["503 without Retry-After"] += 1
        self.answers[answer.status_code] += 1


def _end(done: threading.Event, pool: ThreadPoolExecutor, runs: list[Future]) -> None:
    """Have threads end, and raise what any of them died of."""
    done.set()
    pool.shutdown()
    for run in runs:
        run.result()
