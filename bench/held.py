"""What a running site still does for others while somebody holds many connections of it open, on purpose.

Usage: python -m bench.held [--counts 16 100 1000] [--seconds 12] [--json FILE]

Starts a site of its own and attacks it on 127.0.0.1 alone: bodies of which only the beginning is sent, answers that
nobody reads, heads that do not end. Meanwhile somebody else asks for /healthz four times a second, and searches.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from bench import site
from bench.ingest import photographs

PICTURE_BYTES = 12 * 2**20
PATIENCE = 20.0
PAUSE = 0.25


def half_sent(_path: str, _headers: dict[str, str]) -> bytes:
    """The beginning of a form; the rest never comes. Nobody has signed in."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    return f"POST /login/ HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: 1000\r\n\r\nusername=a".encode()


def unread(path: str, headers: dict[str, str]) -> bytes:
    """A request for a large file; its answer is never read."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def slow_head(_path: str, _headers: dict[str, str]) -> bytes:
    """A head that does not end."""
    return b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


KINDS: dict[str, Callable[[str, dict[str, str]], bytes]] = {
    "half-sent bodies": half_sent, "half-read answers": unread, "slow heads": slow_head,
}  # fmt: skip


@contextlib.contextmanager
def held(address: str, sent: bytes, *, count: int) -> Iterator[int]:
    """Open so many connections, send this on each, and read nothing; yield how many were taken."""
    place = urlsplit(address)
    with contextlib.ExitStack() as stack:
        opened = 0
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(2)
            with contextlib.suppress(OSError):
                client.connect((place.hostname, place.port))
                client.sendall(sent)
                opened += 1
        yield opened


def slowest(ask: Callable[[], Any], *, seconds: float) -> tuple[float, int, int]:
    """Ask again and again; return the longest wait in seconds, how often there was no good answer, and the tries."""
    ends, worst, failed, asked = time.monotonic() + seconds, 0.0, 0, 0
    while time.monotonic() < ends:
        began = time.monotonic()
        try:
            failed += ask().status_code != 200
        except requests.RequestException:
            failed += 1
        worst, asked = max(worst, time.monotonic() - began), asked + 1
        time.sleep(PAUSE)
    return worst, failed, asked


def measured(running: site.Site, image: str, sent: bytes, *, count: int, seconds: float) -> dict[str, Any]:
    """Figures of one attack."""
    alive, similar = running.address + "healthz", f"{running.address}api/v1/images/{image}/similar/"
    with held(running.address, sent, count=count) as opened:
        wait, failed, asked = slowest(lambda: requests.get(alive, timeout=PATIENCE), seconds=seconds)
        search, lost, searched = slowest(
            lambda: requests.get(similar, headers=running.headers, timeout=PATIENCE), seconds=seconds / 2
        )
    return {
        "opened": opened, "healthz s": round(wait, 3), "healthz failed": f"{failed} of {asked}",
        "search s": round(search, 3), "search failed": f"{lost} of {searched}",
    }  # fmt: skip


def large(seed: bytes) -> bytes:
    """A picture with so many bytes after its end that an answer with it fills every buffer on the way."""
    return seed + b"\0" * (PICTURE_BYTES - len(seed))


def attacked(running: site.Site, options: argparse.Namespace) -> dict[str, Any]:
    """All kinds in all numbers."""
    collection = running.post("collections/", json={"name": "held"})["id"]
    files = {"file": ("large.jpg", large(photographs(1)[0]))}
    image = running.post("images/", data={"collection": collection}, files=files)["id"]
    site.ready(running, 1)
    results = {}
    for kind, make in KINDS.items():
        sent = make(f"/api/v1/images/{image}/file/", running.headers)
        for count in options.counts:
            name = f"{count} {kind}"
            results[name] = measured(running, image, sent, count=count, seconds=options.seconds)
            print(name, json.dumps(results[name]), flush=True)
    return results


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[16, 100, 1000])
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with (
        tempfile.TemporaryDirectory(prefix="ish-") as folder,
        site.started(Path(folder), encoder=options.encoder) as (running, _),
    ):
        results = attacked(running, options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
