"""The processes of a whole site on one machine: which servers it embeds, and its own programs."""

from __future__ import annotations

import gc
import http.client
import importlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from imagesearch import datadir, ready, servers
from imagesearch.embedded.process import Service, StartError

STOP_SECONDS = 14
# Of this the web server has at least the time to end its requests; the databases have what nobody else used.
WHOLE_STOP_SECONDS = 28
THREADS = {"OMP_NUM_THREADS": str(min(2, os.cpu_count() or 1))}
# `prepare` has made the checks; made again by each program they would only load every page's code there.
CELERY_ENV = {**THREADS, "CELERY_SKIP_CHECKS": "1"}
WORKERS = ("imagesearch", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO", "-n")
IN_LINE = "What it was at is back in line after the next start."
LONG = ("--pool", "threads", "-c", "4")
# What the programs are made of; each is forked with it, and so neither loads it again nor holds it a second time.
CODE = (
    "imagesearch.urls", "imagesearch.front.serving", "retrieval.tasks", "imagesearch.scheduler",
    "celery.bin.celery", "celery.apps.worker", "celery.apps.beat",
)  # fmt: skip
SCHEDULER = ("imagesearch.celery:schedule", "beat", "--pidfile", "", "--scheduler")


def embedded_servers() -> list[Service]:
    """The servers that no URL names; they run on this machine."""
    found = [] if settings.DATABASE_URL else [servers.postgres(settings.DATA_DIR).service()]
    return found if settings.REDIS_URL else [*found, servers.valkey(settings.DATA_DIR).service()]


def programs() -> dict[str, Service]:
    """Web server, worker, worker for long jobs, and scheduler, by the name that ``manage.py program`` takes.

    The web server is one process with threads, so that one copy of the encoder serves all of them. A bad file may kill
    the worker's child: the worker starts a new one. Long jobs have a worker of their own, in one process, so
    that an hour of training keeps no picture waiting; it has four threads, as one training, one evaluation and one
    compression run at a time, which leaves one for archives.
    """
    return {
        "web": Service(
            "Web server",
            [sys.executable, "-m", "imagesearch.front"],
            log=_log("web"),
            env=THREADS,
            answers=web_answers,
            forked=True,
            stop_seconds=STOP_SECONDS,
            stop_least=4,
        ),
        "worker": _celery("worker", WORKERS, "one@%h", "--queues", "embedding", "--pool", "prefork", "-c", "1"),
        "long-worker": _celery("long-worker", WORKERS, "long@%h", "--queues", "long", *LONG),
        "scheduler": _celery("scheduler", SCHEDULER, "imagesearch.scheduler:Scheduler"),
    }


def load_code() -> None:
    """Load what the programs and their preparation share, in the process that is to fork them."""
    gc.disable()  # nothing of it is garbage
    for name in CODE:
        importlib.import_module(name)
    gc.freeze()  # the collector would write to every page of it, and so give each program a copy
    gc.enable()


def preparation() -> Service:
    """What comes before the programs, in a process of its own: what it loads is not kept by the supervisor.

    It writes without a buffer, so that the reason of a failure is its last line.
    """
    return Service("Preparation", [sys.executable, "-m", "manage", "prepare"], log=_log("prepare"), forked=True)


def web_answers() -> bool:
    """Does the web server answer /healthz?"""
    connection = http.client.HTTPConnection(_reachable(settings.HOST), settings.PORT, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def require_free_port() -> None:
    """Raise StartError when something listens where the web server is to listen, or the address is not ours."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            raise StartError(
                f"The web server cannot listen on {settings.HOST} port {settings.PORT} ({error.strerror}); "
                "set IMAGESEARCH_HOST or IMAGESEARCH_PORT."
            ) from None


def address() -> str:
    """Where a browser on this machine finds the site, with a slash at the end."""
    host = _reachable(settings.HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}/"


def _reachable(host: str) -> str:
    """An address to call when the server listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _celery(name: str, start: Sequence[str], *words: str) -> Service:
    title = name.replace("-", " ").capitalize()
    argv = [sys.executable, "-m", "celery", "--app", *start, *words]
    program = Service(
        title,
        argv,
        log=_log(name),
        env=CELERY_ENV,
        forked=True,
        stop_seconds=STOP_SECONDS,
        holds=IN_LINE,
    )
    return ready.told_by(program, datadir.inside(settings.DATA_DIR, "ready") / name)


def _log(name: str) -> Path:
    folder: Path = settings.DATA_DIR / "log"
    return folder / f"{name}.log"
