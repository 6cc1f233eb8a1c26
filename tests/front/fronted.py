"""A front of one's own on 127.0.0.1, with an application of one's own behind it, and raw clients for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

from imagesearch.front import serving
from retrieval.web.admission import Allowance

PATIENCE = 180  # seconds until a test gives up; nothing is measured by it


def anybody(_environ):
    """Let everybody send everything."""
    return Allowance(2**40, "somebody")


def plain(environ, start):
    """An application that tells what it was sent."""
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {len(body)}".encode()]


@contextlib.contextmanager
def running(bounds, *, application=plain, admit=anybody):
    """Yield the server and its port, and stop it."""
    server = serving.server(application, bounds, host="127.0.0.1", port=0)
    server.config.app.admit = admit
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server did not start"
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


class Client:
    """A connection on which a test writes and reads what it likes."""

    def __init__(self, port, sent=b"", *, buffer=0):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")
        if sent:
            self.send(sent)

    def send(self, data):
        """Send bytes."""
        self.socket.sendall(data)

    def answer(self):
        """Read one answer: status, headers, body."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def ended(self):
        """Wait until the server ends the connection, whatever it still says."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return True

    def close(self):
        """Hang up."""
        self.file.close()
        self.socket.close()


def request(path="/", method="GET", *, length=None, **headers):
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()), "", ""]).encode()


def asked(port, path="/", **options):
    """Ask one thing on a connection of its own."""
    client = Client(port, request(path, **options))
    try:
        return client.answer()
    finally:
        client.close()


@contextlib.contextmanager
def many(port, sent, count, *, buffer=0):
    """Hold so many connections that sent this."""
    clients = [Client(port, sent, buffer=buffer) for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()
