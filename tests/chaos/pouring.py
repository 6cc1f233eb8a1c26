"""A client that pours a body without end into a request, and stops at the first answer."""

from __future__ import annotations

import contextlib
import select
import socket
from dataclasses import dataclass

from tests.chaos.site import Site

BLOCK = b"x" * 2**20
GIGABYTE = 2**30
KINDS = {
    "form": "multipart/form-data; boundary=x",
    "json": "application/json",
    "text": "application/x-www-form-urlencoded",
}


@dataclass(frozen=True)
class Poured:
    """The status that came back (0: none, the server hung up), and how many bytes were sent by then."""

    status: int
    sent: int


def pour(site: Site, path: str, kind: str, *, chunked: bool) -> Poured:
    """Send up to a gigabyte, as chunks of unknown number or with the length announced."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(_head(site, path, kind, chunked=chunked))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < GIGABYTE and not select.select([client], [], [], 0)[0]:
                client.sendall(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK)
                sent += len(BLOCK)
        return Poured(_status(client), sent)


def _head(site: Site, path: str, kind: str, *, chunked: bool) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {GIGABYTE}"
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {KINDS[kind]}", length]
    lines += [f"Authorization: {site.session.headers['Authorization']}", "", ""]
    return "\r\n".join(lines).encode()


def _status(client: socket.socket) -> int:
    try:
        line = client.recv(4096).split(b"\r\n", 1)[0].split()
    except OSError:
        return 0
    return int(line[1]) if len(line) > 1 else 0
