"""Posting to an address: what a receiver gets, that it can neither lead on nor stall, and never to this machine."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from retrieval.errors import InvalidInput
from retrieval.ingest.fetch import FetchRules, post

HERE = FetchRules(seconds=1, allowed=lambda address: address.is_loopback, ports=range(65536))


@pytest.fixture
def receiver():
    """Answers the first caller with the bytes asked for, None for silence, and keeps what it got."""
    listening, got = socket.create_server(("127.0.0.1", 0)), []

    def answer(said):
        def serve():
            with suppress(OSError):
                caller, _ = listening.accept()
                with caller:
                    while b"picture" not in b"".join(got):
                        got.append(caller.recv(1000))
                    if said is None:
                        caller.recv(1000)
                    else:
                        caller.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/hook?a=b", got

    yield answer
    listening.close()


@pytest.mark.parametrize("status", [200, 204, 302, 500])
def test_the_receiver_gets_the_body_and_its_status_comes_back_unfollowed(receiver, status):
    url, got = receiver(f"HTTP/1.1 {status} x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode())
    assert post(url, b'{"a": "picture"}', headers={"Signed": "t=1"}, rules=HERE) == status
    said = b"".join(got)
    assert said.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"Signed: t=1\r\n" in said
    assert said.endswith(b'\r\n\r\n{"a": "picture"}')


@pytest.mark.parametrize("said", [b"rubbish\r\n\r\n", b"", None], ids=["rubbish", "nothing", "silence"])
def test_one_that_answers_rubbish_or_nothing_is_unreachable(receiver, said):
    url, _ = receiver(said)
    with pytest.raises(InvalidInput) as caught:
        post(url, b"picture", headers={}, rules=HERE)
    assert caught.value.code == "url_unreachable"


def test_this_machine_is_never_posted_to():
    with pytest.raises(InvalidInput) as caught:
        post("http://127.0.0.1/", b"picture", headers={}, rules=FetchRules())
    assert caught.value.code == "url_not_allowed"
