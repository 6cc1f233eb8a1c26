"""The promises under faults in their full numbers; minutes each, run by ``make chaos``."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter

import pytest
import redis
import requests

from tests.chaos.test_quick import cut_off_upload

pytestmark = [pytest.mark.chaos, pytest.mark.long]

QUEUE = "embedding"
NEW_CHILD = 30
MAIN_BACK = 90
LOST_MESSAGE = 120
UPLOAD = 3.0


class Searches:
    """Searches five times a second in the background and counts the answers."""

    def __init__(self, site):
        self.site, self.answers, self.done = site, Counter(), threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.known = [row["id"] for row in site.session.get(site.url("images/")).json()["results"]]

    def _run(self):
        session = requests.Session()
        session.headers = self.site.session.headers
        while not self.done.wait(0.2):
            for image_id in self.known[:1]:
                with contextlib.suppress(requests.ConnectionError):
                    self._count(session.get(self.site.url(f"images/{image_id}/"), timeout=60))
                    self._count(session.get(self.site.url(f"images/{image_id}/similar/"), timeout=60))
            self.known.append(self.known.pop(0))

    def _count(self, answer):
        if answer.status_code == 503 and not answer.headers.get("Retry-After"):
            self.answers["503 without Retry-After"] += 1
        self.answers[answer.status_code] += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def seconds_until(condition, *, most):
    """Wait until something is so and return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < most, f"not within {most} s"
        time.sleep(0.1)
    return time.monotonic() - began


def queue(site, pictures, count):
    """Put pictures in while no worker takes them, so that all wait."""
    with site.frozen("worker"):
        site.upload_all([pictures.next() for _ in range(count)])


def kill_child(site):
    """Kill the worker's child; return the seconds until there is another."""
    killed = site.kill_child()
    return seconds_until(lambda: site.child(but=killed, seconds=NEW_CHILD), most=NEW_CHILD)


def kill_worker(site):
    """Kill the worker with all its processes; return the seconds until another has a child."""
    killed, began = site.await_program("worker").pid, time.monotonic()
    site.kill_group("worker")
    seconds_until(lambda: (found := site.find("worker")) and found.pid != killed, most=MAIN_BACK)
    site.child()
    return time.monotonic() - began


def test_children_are_killed(site, pictures, dice, figure):
    queue(site, pictures, 200)
    back = []
    for _ in range(20):
        time.sleep(dice.uniform(0, 1))
        back.append(kill_child(site))
    waited = site.wait_ready(site.kept())
    figure(f"20 kills, a new child after at most {max(back):.1f} s, 200 ready {waited:.0f} s after the last")


def test_the_worker_is_killed(site, pictures, dice, figure):
    queue(site, pictures, 200)
    back = []
    for _ in range(10):
        time.sleep(dice.uniform(0, 3))
        back.append(kill_worker(site))
    assert max(back) <= MAIN_BACK
    waited = site.wait_ready(site.kept())
    figure(f"10 kills, embedding again after at most {max(back):.0f} s, 200 ready {waited:.0f} s after the last")


def test_messages_are_lost_or_never_sent(site, pictures, figure):
    with site.frozen("worker"):
        dropped = drop(site, pictures, 10)
        with site.frozen("valkey"):
            site.upload_all([pictures.next() for _ in range(20)])
        site.broker().delete(QUEUE)
    waited = site.wait_ready(site.kept(), seconds=LOST_MESSAGE)
    figure(f"{dropped} dropped and 20 unsent, all ready after {waited:.0f} s")


def drop(site, pictures, count):
    """Upload, and take messages off the queue as a worker does that dies before it notes which it has; count them."""
    dropped, broker = 0, site.broker()
    while dropped < count:
        site.upload_all([pictures.next()])
        time.sleep(0.2)  # messages are sent beside the requests
        dropped += len(broker.rpop(QUEUE, 100) or [])
    return dropped


def test_the_broker_is_flushed_stopped_frozen_and_full(site, pictures, figure):
    slowest = 0.0
    site.upload_all([pictures.next() for _ in range(5)])  # the first ones start the decoders

    def timed(count):
        nonlocal slowest
        for _ in range(count):
            began = time.monotonic()
            assert site.upload(pictures.next()).status_code == 201
            slowest = max(slowest, time.monotonic() - began)

    for _ in range(3):
        timed(10)
        site.broker().flushall()
    site.kill_main("valkey")
    timed(10)
    site.await_program("valkey")
    with site.frozen("valkey"):
        frozen = time.monotonic()
        while time.monotonic() - frozen < 90:
            timed(1)
            time.sleep(5)
    site.broker().config_set("maxmemory", "1mb")
    timed(10)
    with pytest.raises(redis.ResponseError):
        site.broker().set("no", "room")
    site.broker().config_set("maxmemory", "256mb")
    assert slowest < UPLOAD
    waited = site.wait_ready(site.kept())
    figure(f"slowest upload {slowest:.2f} s, all ready {waited:.0f} s after")


def test_the_database_is_restarted_while_people_search(site, pictures, dice, figure):
    site.upload_all([pictures.next() for _ in range(10)])
    site.wait_ready(site.kept(), hurry=True)
    refused = 0
    with Searches(site) as searches:
        for _ in range(5):
            for _ in range(40):
                refused += len(site.upload_stubbornly(pictures.next()))
            site.restart_database()
            time.sleep(dice.uniform(0, 2))
        waited = site.wait_ready(site.kept())
    assert set(searches.answers) <= {200, 503}
    assert agree_with_exact(site) >= 0.95
    figure(f"5 restarts, answers {dict(searches.answers)}, {refused} uploads asked again, ready after {waited:.0f} s")


def agree_with_exact(site):
    """Compare ten searches with exact ones; return the share of equal neighbours."""
    rows = site.session.get(site.url("images/")).json()["results"][:10]
    same = 0
    for row in rows:
        found = [
            {hit["image"]["id"] for hit in site.session.post(site.url("search/"), json=asked).json()["results"]}
            for asked in ({"positives": [row["id"]], "k": 10}, {"positives": [row["id"]], "k": 10, "exact": True})
        ]
        same += len(found[0] & found[1])
    return same / (10 * len(rows))


def test_uploads_are_cut_off_and_the_web_server_is_killed(site, pictures, dice, figure):
    before = site.kept()
    for share in (0.1, 0.5, 0.99) * 10:
        cut_off_upload(site, pictures.next(), share=share)
    assert site.kept() == before
    answered = 0
    for _ in range(20):
        data = pictures.next()
        killer = threading.Timer(dice.uniform(0, 0.1), site.kill_child, ["web"])
        killer.start()
        with contextlib.suppress(requests.ConnectionError):
            answered += site.upload(data).status_code == 201
        killer.join()
        site.upload_stubbornly(data)
    assert site.kept() == before + 20
    figure(f"30 cut off: none kept; 20 kills: {answered} had their answer, every picture is kept once")


def test_the_same_task_is_delivered_five_times(site, pictures, figure):
    with site.frozen("worker"):
        site.upload_all([pictures.next() for _ in range(40)])
        broker = site.broker()
        messages = broker.lrange(QUEUE, 0, -1)
        for message in messages * 4:
            broker.lpush(QUEUE, message)
    site.wait_ready(site.kept(), hurry=True)
    assert site.committed_twice() == 0
    figure(f"{5 * len(messages)} deliveries of {len(messages)} messages, none committed twice")


def test_the_worker_is_asked_to_stop(site, pictures, dice, figure):
    slowest = 0.0
    queue(site, pictures, 100)
    for _ in range(5):
        site.upload_all([pictures.next() for _ in range(20)])
        worker = site.await_program("worker")
        began = time.monotonic()
        worker.terminate()
        seconds_until(lambda gone=worker: not gone.is_running() or gone.status() == "zombie", most=30)
        slowest = max(slowest, time.monotonic() - began)
        site.child()
        time.sleep(dice.uniform(0, 2))
    assert "failed" not in site.jobs()
    site.wait_ready(site.kept())
    figure(f"5 restarts, the slowest stop {slowest:.1f} s, nothing failed")


def test_everything_at_once(site, pictures, dice, figure):
    """Two hundred queued; 20 children, 10 workers, 3 flushes, 5 databases, in a random order."""
    queue(site, pictures, 200)
    faults = [kill_child] * 20 + [kill_worker] * 10 + [flush] * 3 + [restart_database] * 5
    dice.shuffle(faults)
    began = time.monotonic()
    for fault in faults:
        fault(site)
        time.sleep(dice.uniform(0, 2))
    stormed = time.monotonic() - began
    waited = site.wait_ready(site.kept(), seconds=600)
    assert site.committed_twice() == 0
    figure(f"38 faults in {stormed:.0f} s, 200 ready {waited:.0f} s after the last, none committed twice")


def flush(site):
    """Take every message away."""
    site.broker().flushall()


def restart_database(site):
    """Stop the database at once and wait for the next."""
    began = site.await_program("postgres").pid
    site.restart_database()
    seconds_until(lambda: (found := site.find("postgres")) and found.pid != began, most=MAIN_BACK)
