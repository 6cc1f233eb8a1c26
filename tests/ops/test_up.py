"""The whole site by one command: it comes up, keeps its data over a stop, and leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from imagesearch import servers
from tests import made

ROOT = Path(__file__).parents[2]
# Each sign means something in a URL, a connection string or a shell.
ODD = "a b#c%20d+e&f?g\\h'i"
READY = re.compile(r"^Ready: (http://127\.0\.0\.1:\d+/)  \(sign in: (http://127\.0\.0\.1:\d+/first/[\w-]{43})\)$")
KEPT = """
INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)
VALUES ('kept', '', '', '', '', false, false, true, now())
"""
PLAIN_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A site in a folder of its own."""

    folder: Path
    port: int
    prefix: list[str]
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self):
        """The variables of a fresh shell, and ours."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "IMAGESEARCH_DATA_DIR": str(self.folder), "IMAGESEARCH_PORT": str(self.port), **self.extra}

    def words(self, *command):
        """The command line of a management command."""
        return [*self.prefix, sys.executable, str(ROOT / "manage.py"), *command]

    def up(self, *, alone=False):
        """Start it and wait for its line; returns the process, the address and the link. ``alone``: nothing is lent."""
        if not alone:
            made.lend(self.folder)
        process = subprocess.Popen(
            self.words("up"), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        found = READY.match(process.stdout.readline().rstrip("\n"))
        assert found, process.communicate()[1]
        made.keep(self.folder)
        return process, *found.groups()

    def manage(self, *command):
        """Run a management command to its end."""
        return subprocess.run(self.words(*command), env=self.environment(), capture_output=True, text=True, check=False)

    def processes(self):
        """The processes that have this folder in their environment."""
        mark = f"IMAGESEARCH_DATA_DIR={self.folder}".encode()
        return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and mark in environment_of(entry)]


def environment_of(entry):
    """The environment of a process, empty when it is gone."""
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""


def free_port():
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop(process, number):
    """Ask the site to stop; returns its status."""
    process.send_signal(number)
    status = process.wait(40)
    process.stdout.close()
    process.stderr.close()
    return status


def answer(url):
    """The status and text of a page."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.status, response.read().decode()


def may_unshare():
    """Can this user become another one in a namespace of its own?"""
    return subprocess.run([*PLAIN_USER, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def own(short_folder):
    """A folder with every odd sign in its path, that has a small weights file of its own."""
    return made.small_encoder(short_folder / ODD)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_start_stop_start(own, short_folder):
    """By a plain user, where one can be had; others start it as root. Between the starts the weights are altered."""
    prefix = PLAIN_USER if may_unshare() else []
    site = Site(short_folder / ODD, free_port(), prefix, extra={"IMAGESEARCH_ENCODER": "own"})
    process, address, link = site.up(alone=True)
    assert answer(address + "healthz") == (200, "ok\n")
    assert answer(address + "readyz")[0] == 200
    with psycopg.connect(servers.postgres(site.folder).dsn()) as connection:
        connection.execute(KEPT)
    backup = site.manage("backup", str(short_folder / f"{ODD}.tar"))
    assert backup.returncode == 0, backup.stderr
    assert stop(process, signal.SIGINT) == 0
    assert site.processes() == []

    whole = own.read_bytes()
    own.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    altered_weights_are_one_sentence(site.manage("up"))
    assert site.processes() == []

    own.write_bytes(whole)
    process, address, again = site.up()
    assert again != link
    with psycopg.connect(servers.postgres(site.folder).dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM auth_user").fetchone() == (2,)
    assert answer(address + "readyz")[0] == 200
    assert stop(process, signal.SIGTERM) == 0
    assert site.processes() == []


def altered_weights_are_one_sentence(done):
    assert (done.returncode, done.stdout) == (1, "")
    *steps, last = done.stderr.splitlines()
    assert all(step.startswith(("Starting ", "Preparing ", "Still waiting for ")) for step in steps)
    assert "own of IMAGESEARCH_ENCODER cannot be used: The weights file" in last


def test_a_taken_port_is_one_sentence(short_folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        site = Site(short_folder / "data", other.getsockname()[1], [])
        done = site.manage("up")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("set IMAGESEARCH_HOST or IMAGESEARCH_PORT.")
    assert done.stderr.count("\n") == 1


def heard():
    """Let Ctrl-C reach a program also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_commands_start_and_stop_the_servers_before_the_first_start_too(short_folder):
    """One that needs the tables is too early, the demo makes them; Ctrl-C is one sentence."""
    site = Site(short_folder / ODD, free_port(), [])
    made.lend(site.folder)
    too_early = site.manage("build_index")
    sentence = "The database is not ready for this version; start the site once, or run manage.py prepare.\n"
    assert (too_early.returncode, too_early.stderr) == (1, sentence)
    assert site.processes() == []
    done = site.manage("demo", "--each", "1")
    assert done.returncode == 0, done.stderr
    made.keep(site.folder)
    assert "message_not_sent" not in done.stderr
    assert "6 new, 0 known already, 0 refused" in done.stdout
    assert site.processes() == []
    ctrl_c_is_one_sentence(site)


def ctrl_c_is_one_sentence(site):
    script = "from retrieval.models import Image; print(Image.objects.count(), flush=True); input()"
    process = subprocess.Popen(
        site.words("shell", "-c", script), env=site.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=heard,  # noqa: PLW1509  (no thread is running)
    )  # fmt: skip
    while not (line := process.stdout.readline()).startswith("6"):
        assert line, process.communicate()[1]
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (130, "Interrupted.\n")
    assert site.processes() == []
