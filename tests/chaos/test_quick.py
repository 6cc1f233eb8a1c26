"""The main faults in small numbers, on one site; ``make chaos`` has the large ones."""

from __future__ import annotations

import contextlib
import socket
import sys
import time

import psutil
import pytest
import requests

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up as Linux shows them"),
]


def test_workers_are_killed_at_random_moments(site, pictures, dice):
    site.upload_all([pictures.next() for _ in range(40)])
    for _ in range(4):
        killed = site.kill_child()
        time.sleep(dice.uniform(0, 1.5))
        site.child(but=killed, seconds=30)
    site.kill_group("worker")
    site.upload_all([pictures.next() for _ in range(5)])
    site.kill_main("worker")
    site.wait_ready(site.kept(), hurry=True)


def test_the_broker_is_flushed_frozen_full_and_killed(site, pictures):
    with site.frozen("worker"):
        site.upload_all([pictures.next() for _ in range(5)])
        site.broker().flushall()
    with site.frozen("valkey"):
        site.upload_all([pictures.next() for _ in range(3)])
    site.broker().config_set("maxmemory", "1mb")
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


def test_a_killed_web_server_leaves_nothing_on_its_port(site, pictures):
    before = site.await_program("web")
    workers = before.children()
    before.kill()
    site.upload_stubbornly(pictures.next())
    psutil.wait_procs(workers, timeout=30)
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_an_upload_that_is_cut_off_never_happened(running_site, pictures, share):
    site = running_site
    before = site.kept()
    cut_off_upload(site, pictures.next(), share=share)
    assert site.kept() == before
    assert site.upload(pictures.next()).status_code == 201


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
