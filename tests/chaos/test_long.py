"""The promises under faults in their full numbers; minutes each, run by ``make chaos``."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.chaos import hooks
from tests.chaos.broker import WAITS, full, lose, unread
from tests.chaos.hooks import Fault
from tests.chaos.site import WAKING, Pictures, Site, free_port
from tests.chaos.test_quick import cut_off_upload
from tests.chaos.work import PER_SECOND, Filled, Searches, cut_short, queue, seconds_until, working_child

pytestmark = [pytest.mark.chaos, pytest.mark.long]

NEW_CHILD = 30
MAIN_BACK = 90
LOST_MESSAGE = 120
WITHOUT_THE_RECONCILER = 20
UPLOAD = 3.0
DRAINED = 600  # what a killed worker had in hand is taken one by one
OFFERED = 0.8  # share of the searches due that must have come: one that waits for the database holds up the next
HIT = 0.75  # so many of the kills at random moments must have cut work short


@pytest.fixture(scope="module")
def running_site(seed):
    """One site for all tests of this file, whose programs can be made to fail, and which searches by its index."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        site = Site(Path(folder), free_port(), extra={"IMAGESEARCH_USER_SEARCHES": "1000000", **hooks.EXTRA})
        site.start()
        some = Pictures(seed + 1)
        site.upload_all([some.next() for _ in range(120)])
        site.wait_ready(120, hurry=True)
        assert site.manage("build_index").returncode == 0
        yield site
        site.stop()


def kill_child(site):
    """Kill the worker's child; return the seconds until there is another."""
    return another_child(site, site.kill_child())


def another_child(site, killed):
    """Wait for the child after the one that was killed; return the seconds."""
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
    back, hit = [], 0
    with Filled(site, pictures, least=50) as filled:
        for _ in range(20):
            child = working_child(site)
            time.sleep(dice.uniform(0, 0.5))
            back.append(kill_child(site))
            hit += cut_short(site, child.pid) > 0
        back += [kill_before_commit(site) for _ in range(5)]
    waited = site.wait_ready(site.kept(), seconds=DRAINED)
    assert filled.refusals == []
    assert hit >= HIT * 20
    figure(f"20 kills, {hit} of them in the middle of work, and 5 between decode and commit; a new child after at most "
           f"{max(back):.1f} s, {len(filled.answered) + 200} ready {waited:.0f} s after the last")  # fmt: skip


def kill_before_commit(site):
    """Have the child killed when it has vectors and has not stored them; return the seconds until there is another."""
    child, already = working_child(site), hooks.times(site.folder, Fault.KILLED)
    with hooks.switched_on(site.folder, Fault.KILLED):
        seconds_until(lambda: not child.is_running() or child.status() == "zombie", most=600)
    back = another_child(site, child.pid)
    assert hooks.times(site.folder, Fault.KILLED) == already + 1
    assert cut_short(site, child.pid) > 0
    return back


def test_a_child_that_takes_long_to_start_is_waited_for(site, pictures):
    """As on a busy machine. With Celery's own patience of 4 s no child would ever come to its work."""
    with hooks.switched_on(site.folder, Fault.SLOW):
        site.kill_child()
        site.upload_all([pictures.next() for _ in range(5)])
        site.wait_ready(site.kept(), hurry=True)
    assert hooks.times(site.folder, Fault.SLOW) == 1


def test_the_worker_is_killed(site, pictures, dice, figure):
    queue(site, pictures, 200)
    back, hit = [], 0
    with Filled(site, pictures, least=200):
        for _ in range(10):
            child = working_child(site)
            time.sleep(dice.uniform(0, 0.5))
            site.kill_group("worker")
            back.append(seconds_until(first_done_after(site, datetime.now(UTC)), most=MAIN_BACK))
            hit += cut_short(site, child.pid) > 0
    waited = site.wait_ready(site.kept(), seconds=DRAINED)
    assert hit >= HIT * 10
    figure(f"10 kills, {hit} of them in the middle of work, a picture embedded again after at most {max(back):.0f} s, "
           f"all ready {waited:.0f} s after the last")  # fmt: skip


def first_done_after(site, moment):
    """Ask whether a picture was embedded since."""
    done = f"SELECT 1 FROM retrieval_jobevent WHERE kind = 'done' AND at > '{moment.isoformat()}' LIMIT 1"
    return lambda: site.query(done)


def test_messages_are_lost_or_never_sent(site, pictures, figure):
    with site.frozen("scheduler"):
        lose(site, pictures, popped=10, unsent=20)
    waited = site.wait_ready(site.kept(), seconds=LOST_MESSAGE)
    figure(f"10 messages dropped after the pop and 20 whose sending raised, all ready after {waited:.0f} s")


def test_without_the_reconciler_a_lost_message_stays_lost(site, pictures, figure):
    with site.frozen("scheduler"):
        lose(site, pictures, popped=10, unsent=20)
        time.sleep(WITHOUT_THE_RECONCILER)  # all programs but one are at work
        assert site.jobs().get("pending") == 30
    waited = site.wait_ready(site.kept(), seconds=LOST_MESSAGE)
    figure(f"30 still pending after {WITHOUT_THE_RECONCILER} s, ready {waited:.0f} s after the scheduler went on")


def test_the_broker_is_flushed_stopped_frozen_and_full(site, pictures, figure):
    slowest = 0.0
    site.upload_all([pictures.next() for _ in range(5)])  # the first ones start the decoders

    def timed(count):
        nonlocal slowest
        for _ in range(count):
            began = time.monotonic()
            assert site.upload(pictures.next()).status_code == 201
            slowest = max(slowest, time.monotonic() - began)

    with Filled(site, pictures) as filled:
        for _ in range(3):
            timed(10)
            working_child(site)
            site.broker().flushall()
    assert filled.refusals == []
    killer = threading.Timer(0.1, site.kill_main, ["valkey"])
    killer.start()
    timed(10)
    killer.join()
    site.await_program("valkey")
    with site.frozen("valkey"):
        frozen = time.monotonic()
        while time.monotonic() - frozen < 90:
            timed(1)
            time.sleep(5)
    with full(site):
        timed(10)
    assert slowest < UPLOAD
    waited = site.wait_ready(site.kept())
    figure(f"slowest upload {slowest:.2f} s, all ready {waited:.0f} s after")


def test_the_database_is_restarted_while_people_search(site, pictures, dice, figure):
    web = site.await_program("web").pid
    with Searches(site) as searches:
        with Filled(site, pictures) as filled:
            for number in range(1, 6):
                seconds_until(lambda enough=40 * number: len(filled.answered) >= enough, most=600)
                working_child(site)
                time.sleep(dice.uniform(0, 0.5))
                restart_database(site)
        waited = site.wait_ready(site.kept())
    assert len(filled.answered) >= 200
    assert set(filled.refusals) <= {503}, filled.refusals
    assert set(searches.answers) <= {200, 503}, searches.answers
    assert searches.searched >= OFFERED * PER_SECOND * searches.seconds
    assert site.await_program("web").pid == web
    agreed = agree_with_exact(site)
    assert agreed >= 0.95
    figure(
        f"5 restarts in the middle of work, {searches.searched} searches in {searches.seconds:.0f} s, answers "
        f"{dict(searches.answers)}, {len(filled.refusals)} uploads asked again, ready after {waited:.0f} s, "
        f"recall@10 by the index {agreed:.3f}"
    )


def agree_with_exact(site):
    """Compare fifty searches by the index with exact ones; return the share of equal neighbours."""
    rows = site.session.get(site.url("images/")).json()["results"]
    assert len(rows) == 50
    same = 0
    for row in rows:
        near, best = (found(site, {"positives": [row["id"]], "k": 10, "exact": exact}) for exact in (False, True))
        same += len(near & best)
    return same / (10 * len(rows))


def found(site, asked):
    """The pictures that a search finds, which was exact just if that was asked for."""
    answer = site.session.post(site.url("search/"), json=asked).json()
    assert answer["exact"] is asked["exact"]
    return {hit["image"]["id"] for hit in answer["results"]}


def test_uploads_are_cut_off_and_the_web_server_is_killed(site, pictures, dice, figure):
    before = site.kept()
    for share in (0.1, 0.5, 0.99) * 10:
        cut_off_upload(site, pictures.next(), share=share)
    assert site.kept() == before
    answered = 0
    for _ in range(20):
        data = pictures.next()
        killer = threading.Timer(dice.uniform(0, 0.1), site.kill_main, ["web"])
        killer.start()
        with contextlib.suppress(requests.ConnectionError):
            answered += site.upload(data).status_code == 201
        killer.join()
        site.upload_stubbornly(data)
    assert site.kept() == before + 20
    figure(f"30 cut off: none kept; 20 kills: {answered} had their answer, every picture is kept once")


def test_the_same_task_is_delivered_five_times(site, pictures, figure):
    broker = site.broker()
    with unread(site):
        for number in range(8):
            site.upload_all([pictures.next() for _ in range(5)])
            seconds_until(lambda sent=number: broker.llen(WAKING) > sent, most=600)
            broker.delete(WAITS)  # as if a worker had begun it, else the next would not be sent
        messages = [message for message in broker.lrange(WAKING, 0, -1) if b"retrieval.tasks.embed" in message]
        for message in messages * 4:
            broker.lpush(WAKING, message)
    assert len(messages) >= 5
    site.wait_ready(site.kept(), hurry=True)
    log = site.folder / "log" / "worker.log"
    for message in messages:
        received = f"retrieval.tasks.embed[{json.loads(message)['headers']['id']}] received"
        seconds_until(lambda line=received: log.read_text().count(line) == 5, most=600)
    assert site.committed_twice() == 0
    figure(f"{5 * len(messages)} deliveries of {len(messages)} messages, none committed twice")


def test_the_worker_is_asked_to_stop(site, pictures, dice, figure):
    queue(site, pictures, 200)
    stops, hit, meanwhile = [], 0, 0
    with Filled(site, pictures, least=math.inf) as filled:
        for _ in range(5):
            child = working_child(site)
            time.sleep(dice.uniform(0, 0.5))
            worker = site.await_program("worker")
            hit += working_child(site).pid == child.pid
            began = time.monotonic()
            worker.terminate()
            ended = lambda gone=worker: not gone.is_running() or gone.status() == "zombie"  # noqa: E731
            stops.append(seconds_until(ended, most=600))
            meanwhile += sum(time >= began for time in filled.answered)
            site.child()
    assert (hit, filled.refusals) == (5, [])
    assert len(filled.answered) >= 100
    assert meanwhile > 0
    waited = site.wait_ready(site.kept())
    figure(f"5 restarts in the middle of work, the slowest stop {max(stops):.1f} s, {len(filled.answered)} uploads, "
           f"{meanwhile} of them during a stop, nothing failed, all ready {waited:.0f} s later")  # fmt: skip


def test_everything_at_once(site, pictures, dice, figure):
    """Two hundred queued and more coming; 20 children, 10 workers, 3 flushes, 5 databases, in a random order."""
    queue(site, pictures, 200)
    kills = [kill_child] * 20 + [kill_worker] * 10
    faults = kills + [flush] * 3 + [restart_database] * 5
    dice.shuffle(faults)
    began, hit = time.monotonic(), 0
    with Filled(site, pictures) as filled:
        for fault in faults:
            child = working_child(site)
            time.sleep(dice.uniform(0, 0.5))
            fault(site)
            hit += fault in kills and cut_short(site, child.pid) > 0
    stormed = time.monotonic() - began
    waited = site.wait_ready(site.kept(), seconds=DRAINED)
    assert hit >= HIT * len(kills)
    assert set(filled.refusals) <= {503}, filled.refusals
    assert site.committed_twice() == 0
    figure(f"38 faults in {stormed:.0f} s, {hit} of 30 kills in the middle of work, {len(filled.answered) + 200} ready "
           f"{waited:.0f} s after the last, none committed twice")  # fmt: skip


def flush(site):
    """Take every message away."""
    site.broker().flushall()


def restart_database(site):
    """Stop the database at once and wait for the next."""
    began = site.await_program("postgres").pid
    site.restart_database()
    seconds_until(lambda: (found := site.find("postgres")) and found.pid != began, most=MAIN_BACK)
