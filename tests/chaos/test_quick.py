"""The main faults in small numbers, on one site; ``make chaos`` has the large ones."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from imagesearch.embedded.roles import OPERATOR
from tests.chaos import memory
from tests.chaos.broker import full
from tests.chaos.pouring import pour

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up as Linux shows them"),
]
IN_HASTE = True
EXTRA = {"IMAGESEARCH_ENCODER": "own", "DJANGO_SETTINGS_MODULE": "tests.chaos.hasty"}


def test_workers_are_killed_at_random_moments(site, pictures, dice):
    site.upload_all([pictures.next() for _ in range(40)])
    for _ in range(2):
        killed = site.kill_child()
        time.sleep(dice.uniform(0, 1.5))
        site.child(but=killed, seconds=30)
    site.kill_group("worker")
    site.upload_all([pictures.next() for _ in range(5)])
    site.kill_main("worker")
    site.wait_ready(site.kept(), hurry=True)


def test_a_worker_that_was_asked_to_stop_has_one_after_it_that_works(site, pictures):
    asked = site.await_program("worker")
    asked.terminate()
    gone, _ = psutil.wait_procs([asked], timeout=600)
    assert gone == [asked]
    site.upload_all([pictures.next() for _ in range(5)])
    site.wait_ready(site.kept(), hurry=True)


def test_the_broker_is_flushed_frozen_full_and_killed(site, pictures):
    with site.frozen("worker"):
        site.upload_all([pictures.next() for _ in range(5)])
        site.broker().flushall()
    with site.frozen("valkey"):
        site.upload_all([pictures.next() for _ in range(3)])
    with full(site):
        site.upload_all([pictures.next() for _ in range(3)])
    site.kill_main("valkey")
    site.upload_all([pictures.next() for _ in range(3)])


def test_the_database_is_restarted_at_once(site, pictures):
    site.upload_all([pictures.next() for _ in range(10)])
    (known, *_) = site.session.get(site.url("images/")).json()["results"]
    site.restart_database()
    answers = set()
    for _ in range(10):
        answer = site.search(known["id"])
        answers.add(answer.status_code)
        assert answer.status_code != 503 or answer.headers["Retry-After"]
    assert answers <= {200, 409, 503}
    site.upload_stubbornly(pictures.next())


AS_NO_PROGRAM_CAN = "SET session_replication_role = replica; "  # the log's rows are only ever added
PLANTS = [
    ("UPDATE retrieval_embeddingjob SET state = 'failed', error_code = 'planted' WHERE image_id = '{}'",
     "UPDATE retrieval_embeddingjob SET state = 'done', error_code = '' WHERE image_id = '{}'"),
    (AS_NO_PROGRAM_CAN + "UPDATE retrieval_jobevent SET kind = 'failed', error_code = 'planted' "
     "WHERE kind = 'done' AND image_id = '{}'",
     AS_NO_PROGRAM_CAN + "UPDATE retrieval_jobevent SET kind = 'done', error_code = '' "
     "WHERE kind = 'failed' AND image_id = '{}'"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "pull"), PLANTS, ids=["failed", "failed before"])
def test_a_picture_that_failed_ends_every_wait(site, pictures, plant, pull):
    image = site.upload(pictures.next()).json()["id"]
    site.wait_ready(site.kept(), hurry=True)
    site.query(plant.format(image), role=OPERATOR)
    for hurry in (False, True):
        with pytest.raises(AssertionError, match=f"1 failed: .*{image}.*planted"):
            site.wait_ready(site.kept(), hurry=hurry)
    site.query(pull.format(image), role=OPERATOR)


def test_a_killed_web_server_leaves_nothing_on_its_port(site, pictures):
    before = site.await_program("web")
    workers = before.children()
    before.kill()
    site.upload_stubbornly(pictures.next())
    psutil.wait_procs(workers, timeout=600)
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_an_upload_that_is_cut_off_never_happened(running_site, pictures, share):
    site = running_site
    before = site.kept()
    cut_off_upload(site, pictures.next(), share=share)
    assert site.kept() == before
    assert site.upload(pictures.next()).status_code == 201


GIGABYTE_TO = [
    ("/login/", "text"), ("/", "form"), ("/upload/file/", "form"), ("/upload/", "form"), ("/admin/login/", "text"),
    ("/api/v1/images/", "form"), ("/api/v1/images/", "json"), ("/api/v1/archives/", "form"),
    ("/api/v1/search/", "form"), ("/api/v1/search/", "json"), ("/api/v1/collections/", "json"),
    ("/api/v1/auth/token/", "json"), ("/api/v1/auth/token/", "text"), ("/api/v1/nothing/", "json"),
]  # fmt: skip


def size(site):
    """What the web server takes for itself, in MiB."""
    while not (reading := memory.read(site.await_program("web"))):
        time.sleep(0.1)
    return memory.judged("web", reading)


def test_a_gigabyte_is_refused_unread(running_site, figure):
    site = running_site
    before, most = size(site), 0
    for path, kind in GIGABYTE_TO:
        for chunked in (True, False):
            poured = pour(site, path, kind, chunked=chunked)
            assert (path, kind, poured.status) == (path, kind, 413)
            most = max(most, poured.sent)
    more = size(site) - before
    assert most <= 16 * 2**20
    assert more < 64
    figure(f"1 GB to {len(GIGABYTE_TO)} addresses, chunked and announced: all 413 after at most {most / 2**20:.0f} MB, "
           f"the web server {max(0, more):.0f} MB larger")  # fmt: skip


def guesses(site, names):
    """Two hundred wrong passwords from fifty clients at once, each from an address of its own making."""

    def guess(number):
        body = {"username": names(number), "password": "wrong"}
        forged = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.{number}", "X-Real-IP": f"192.0.2.{number}"}
        return requests.post(site.url("auth/token/"), json=body, headers=forged, timeout=60).status_code

    with ThreadPoolExecutor(50) as pool:
        return Counter(pool.map(guess, range(200)))


def test_two_hundred_guesses_at_once_are_five_of_a_name_and_twenty_of_an_address(running_site, figure):
    site, limits = running_site, "limit:sign-in-{}:*"
    for names, passed in ((lambda _: "admin", 5), (lambda number: f"name{number}", 20)):
        for window in ("address", "user"):
            keys = site.broker().keys(limits.format(window))
            assert not keys or site.broker().delete(*keys)
        assert guesses(site, names) == {401: passed, 429: 200 - passed}
    figure("200 guesses at once with forged headers: 5 of one name and 20 of one address were looked at")


def test_two_hundred_searches_at_once_pass_exactly_the_limit(running_site, figure):
    site = running_site

    def search(number):
        forged = {**site.session.headers, "X-Forwarded-For": f"203.0.113.{number}"}
        file = {"file": ("a.jpg", b"no picture")}
        return requests.post(site.url("search/"), files=file, headers=forged, timeout=60).status_code

    with ThreadPoolExecutor(50) as pool:
        answers = Counter(pool.map(search, range(200)))
    looked_at = answers[415] + answers[503]  # of these, one person's share of decoders takes a few at a time
    assert (looked_at, answers[429]) == (60, 140), answers
    assert answers[415]
    figure(f"200 searches by a file at once with forged headers: {answers[415]} passed")


def cut_off_upload(site, data, *, share):
    """Send a part of a request and hang up."""
    request = requests.Request(
        "POST", site.url("images/"), headers=site.session.headers,
        data={"collection": site.collection}, files={"file": ("picture.jpg", data, "image/jpeg")},
    ).prepare()  # fmt: skip
    head = f"POST {request.path_url} HTTP/1.1\r\nHost: localhost\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items()) + "\r\n"
    whole = head.encode() + request.body
    with socket.create_connection(("127.0.0.1", site.port)) as client, contextlib.suppress(OSError):
        client.sendall(whole[: len(head) + int(len(request.body) * share)])
