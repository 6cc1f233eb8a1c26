"""A private site in a folder of its own, and every way to hurt it: kill, stop, continue, flush, restart, cut off."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import psutil
import psycopg
import redis
import requests
from celery import Celery
from kombu.exceptions import OperationalError
from PIL import Image

from imagesearch import servers
from imagesearch.embedded.roles import SITE
from tests import made

QUEUE = "embedding"
WAKING = "embedding\x06\x169"  # where the broker keeps the messages that come after upkeep
ROOT = Path(__file__).parents[2]
READY = re.compile(r"^Ready: (http://127\.0\.0\.1:\d+/)  ")
# By what the command line of each program is known.
PROGRAMS = {
    "web": "imagesearch.front",
    "worker": "one@",
    "long-worker": "long@",
    "scheduler": "imagesearch.celery:schedule",
    "postgres": "bin/postgres",
    "valkey": "valkey-server",
}
FAILED = """
SELECT image_id::text, error_code FROM retrieval_embeddingjob WHERE state = 'failed' UNION ALL
SELECT image_id::text, error_code FROM retrieval_jobevent WHERE kind = 'failed'
"""


@dataclass
class Pictures:
    """An endless row of small pictures, each of its own, always the same for a seed."""

    seed: int
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def next(self, side: int = 64) -> bytes:
        """Return the next picture as a JPEG file."""
        coarse = self.rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        return out.getvalue()


@dataclass
class Site:
    """The site; ``prefix`` comes before its command line, ``extra`` goes over its environment."""

    folder: Path
    port: int
    prefix: Sequence[str] = ()
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    log: IO[str] | None = None
    session: requests.Session = field(default_factory=requests.Session)
    collection: str = ""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    # --- Life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait for its line; the first time also sign in and make a collection."""
        made.lend(self.folder)
        self.log = (self.folder / "supervisor.log").open("a")
        self.process = subprocess.Popen(
            [*self.prefix, sys.executable, str(ROOT / "manage.py"), "up"],
            env=self.environment(), stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not READY.match(line):
            raise AssertionError(f"The site did not start: {(self.folder / 'supervisor.log').read_text()[-2000:]}")
        made.keep(self.folder)
        if not self.collection:
            self._sign_in()

    def stop(self) -> int:
        """Ask the site to stop; return its status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process.stdout.close()
        self.log.close()
        return status

    def environment(self) -> dict[str, str]:
        """The variables of a fresh shell, and ours."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ours = {
            "IMAGESEARCH_DATA_DIR": str(self.folder),
            "IMAGESEARCH_PORT": str(self.port),
            "IMAGESEARCH_ENCODER": "mobilenet_v3_large",
            "IMAGESEARCH_TRASH_DAYS": "0",  # what is deleted is to be gone while the test looks
            "IMAGESEARCH_ADMIN_PASSWORD": self.password,
        }
        return {**kept, **ours, **self.extra}

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        words = [*self._entered(), sys.executable, str(ROOT / "manage.py"), *command]
        return subprocess.run(words, env=self.environment(), capture_output=True, text=True, check=False)

    def audit(self) -> None:
        """Fail with what the audit found, unless it found nothing."""
        done = self.manage("audit", "--strict")
        assert done.returncode == 0, done.stdout + done.stderr

    def _entered(self) -> list[str]:
        """The words that enter the site's own mounts, where it has them."""
        return ["nsenter", "--mount", "--target", str(self.process.pid)] if self.prefix else []

    def _sign_in(self) -> None:
        answer = self.session.post(
            self.url("auth/token/"), json={"username": "admin", "password": self.password}, timeout=60
        )
        self.session.headers["Authorization"] = f"Token {answer.json()['token']}"
        self.collection = self.session.post(self.url("collections/"), json={"name": "Chaos"}, timeout=60).json()["id"]

    # --- Use --------------------------------------------------------------------------------------------------------

    def url(self, path: str) -> str:
        """The address of a call of the API."""
        return f"http://127.0.0.1:{self.port}/api/v1/{path}"

    def page(self, path: str) -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def upload(self, data: bytes, *, timeout: float = 60) -> requests.Response:
        """Put a picture in."""
        files, fields = {"file": ("picture.jpg", data, "image/jpeg")}, {"collection": self.collection}
        return self.session.post(self.url("images/"), data=fields, files=files, timeout=timeout)

    def upload_all(self, pictures: Sequence[bytes]) -> None:
        """Put pictures in; each must be accepted."""
        for data in pictures:
            answer = self.upload(data)
            assert answer.status_code == 201, answer.text

    def upload_stubbornly(self, data: bytes, *, seconds: float = 120, refusal: int = 503) -> list[int]:
        """Put a picture in as a good client does, again after a refusal; return the refusals, 0 for no answer."""
        refusals, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = self.upload(data)
            except requests.ConnectionError:
                refusals.append(0)
            else:
                if answer.status_code in {200, 201}:
                    return refusals
                assert answer.status_code == refusal, f"{answer.status_code} {answer.text}"
                assert int(answer.headers["Retry-After"]) > 0
                refusals.append(answer.status_code)
            time.sleep(0.3)
        raise AssertionError(f"No upload within {seconds} s.")

    def search(self, image_id: str) -> requests.Response:
        """Search for what looks like a stored picture."""
        return self.session.get(self.url(f"images/{image_id}/similar/"), timeout=60)

    # --- What the ledger says ---------------------------------------------------------------------------------------

    def query(self, sql: str, *, role: str = SITE) -> list[tuple]:
        """Ask the database directly, as soon as it is there."""
        deadline = time.monotonic() + 90
        while True:
            try:
                with psycopg.connect(servers.postgres(self.folder).dsn(role=role), autocommit=True) as connection:
                    done = connection.execute(sql)
                    return done.fetchall() if done.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def jobs(self) -> dict[str, int]:
        """Count the jobs by state."""
        return dict(self.query("SELECT state, count(*) FROM retrieval_embeddingjob GROUP BY state"))

    def kept(self) -> int:
        """Count the pictures."""
        return self.query("SELECT count(*) FROM retrieval_image WHERE deleted_at IS NULL")[0][0]

    def wait_ready(self, count: int | None, *, seconds: float = 240, hurry: bool = False) -> float:
        """Wait until so many pictures are ready and nothing else is left; return the seconds it took.

        None stands for as many as there are: what was deleted just before is still purged meanwhile.
        ``hurry`` asks for the reconciler again and again, which comes by itself every 30 s. A picture that failed, even
        if it was tried again and is ready by now, ends the wait.
        """
        began, seen = time.monotonic(), {}
        while time.monotonic() - began < seconds:
            failed = self.query(FAILED)
            assert not failed, f"{len(failed)} failed: {failed[:3]}"
            seen = self.jobs()
            if set(seen) == {"done"} and count in {None, seen["done"]}:
                return time.monotonic() - began
            if hurry:
                self.reconcile()
            time.sleep(1)
        raise AssertionError(f"Not {'all' if count is None else count} ready after {seconds} s, but {seen}.")

    def wait_for_log(self, program: str, word: str, *, seconds: float = 90) -> str:
        """Wait for a complaint with this word in a program's log; return what it says."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in reversed((self.folder / "log" / f"{program}.log").read_text().splitlines()):
                entry = json.loads(line) if line.startswith("{") else {}
                if entry.get("level") in {"error", "critical"} and word in line:
                    return str(entry.get("reason") or entry["event"])
            time.sleep(1)
        raise AssertionError(f"{program} said nothing of {word} within {seconds} s.")

    def reconcile(self) -> None:
        """Ask for the reconciler now, as the scheduler does every 30 s, as far as there is a broker to take it.

        Where a message waits already it would only be one more look after the same.
        """
        with contextlib.suppress(OperationalError, redis.RedisError):
            if not self.broker().llen(QUEUE):
                self.send("reconcile")

    def send(self, task: str) -> str:
        """Send a message for one of the tasks; return its id."""
        with Celery(broker=servers.broker(servers.valkey(self.folder).url()), set_as_current=False) as app:
            app.conf.update(broker_transport_options={"socket_timeout": 5, "max_retries": 1})
            return app.send_task(f"retrieval.tasks.{task}", queue=QUEUE, retry=False).id

    def committed_twice(self) -> int:
        """Count the pictures whose embedding was committed more than once."""
        sql = (
            "SELECT count(*) FROM (SELECT image_id FROM retrieval_jobevent WHERE kind = 'done' "
            "GROUP BY image_id, encoder_id, round HAVING count(*) > 1) AS twice"
        )
        return self.query(sql)[0][0]

    # --- Harm -------------------------------------------------------------------------------------------------------

    def find(self, program: str) -> psutil.Process | None:
        """The main process of a program, or None while it is not there."""
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if any(PROGRAMS[program] in word for word in child.cmdline()):
                    return child
        return None

    def await_program(self, program: str, *, seconds: float = 90) -> psutil.Process:
        """The main process of a program, as soon as it is there."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.find(program)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{program} did not come back within {seconds} s.")

    def child(self, program: str = "worker", *, but: int = 0, seconds: float = 90) -> psutil.Process:
        """The process that does a program's work, as soon as there is one; ``but`` not this one, which was killed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(psutil.Error):
                for child in self.await_program(program).children():
                    if child.pid != but and child.status() != psutil.STATUS_ZOMBIE:
                        return child
            time.sleep(0.1)
        raise AssertionError(f"No child of {program} within {seconds} s.")

    def kill_child(self, program: str = "worker") -> int:
        """Kill the process that does a program's work; return its number."""
        child = self.child(program)
        child.kill()
        return child.pid

    def kill_group(self, program: str) -> None:
        """Kill a program's main process and everything in its group."""
        os.killpg(self.await_program(program).pid, signal.SIGKILL)

    def kill_main(self, program: str) -> None:
        """Kill a program's main process alone."""
        self.await_program(program).kill()

    @contextlib.contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """Have a program stand still."""
        process = self.await_program(program)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def broker(self) -> redis.Redis:
        """A client of the broker."""
        return redis.Redis.from_url(servers.valkey(self.folder).url(), socket_timeout=10)

    def restart_database(self) -> None:
        """Make PostgreSQL stop at once, as when the power fails; the supervisor starts it again."""
        self.await_program("postgres").send_signal(signal.SIGQUIT)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
