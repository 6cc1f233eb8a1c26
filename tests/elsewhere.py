"""A web server that stands for the internet: it serves what a test lays out, and may be asked by a named rule only."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from retrieval.ingest.networks import is_public

HOME = ipaddress.ip_address("127.0.0.1")


@dataclass
class Elsewhere:
    """The server's address, what lies at each path (bytes, or another address to go to), and what was asked for."""

    address: str
    pages: dict[str, bytes | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Elsewhere]:
    """Serve on this machine while the block runs."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    here = Elsewhere(f"http://127.0.0.1:{site.server_port}")
    site.RequestHandlerClass = _handler(here)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield here
    site.shutdown()
    site.server_close()


def allow_only_it(monkeypatch) -> None:
    """Let the one address of the server count as public, and its port as the web's; all else is judged as ever."""
    from retrieval.services.images import addresses

    real = addresses.rules
    rule = lambda address: address == HOME or is_public(address)  # noqa: E731
    monkeypatch.setattr(addresses, "rules", lambda: replace(real(), allowed=rule, ports=range(65536), own_names=()))


def _handler(here: Elsewhere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            here.asked.append(self.path)
            found = here.pages.get(self.path)
            if isinstance(found, str):
                self.send_response(302)
                self.send_header("Location", found)
                self.end_headers()
                return
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_):
            pass

    return Handler
