"""Runs the whole site: servers, migrations, worker, scheduler and web server, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from imagesearch import external
from imagesearch.embedded import lending, site
from imagesearch.embedded.process import Service, StartError, nothing
from imagesearch.embedded.supervisor import Supervisor
from retrieval.services.people import sign_in_link


class Stopped(BaseException):
    """A signal asked us to stop. Not an ``Exception``: whatever is going on must not swallow it."""


class Command(BaseCommand):
    """``manage.py up``: everything in one command."""

    help = "Start everything: database, broker, worker, scheduler and web server. Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def handle(self, **_options: Any) -> None:
        """Start, say Ready, keep running; stop in order at the first signal."""
        supervisor = Supervisor(self.stderr.write)
        try:
            with _signals(), lending.own(settings.DATA_DIR, title="manage.py up"):
                self._run(supervisor)
        except lending.OwnedElsewhere as owner:
            raise CommandError(f"{settings.DATA_DIR} is in use by {owner}; wait until it ends, or stop it.") from None
        except StartError as error:
            raise CommandError(str(error)) from None

    def _run(self, supervisor: Supervisor) -> None:
        try:
            site.require_free_port()
            external.require_database()
            external.require_broker()
            self._start(supervisor, *site.embedded_servers(), meanwhile=_load_code)
            self.stderr.write("Preparing the database.")
            supervisor.run(site.preparation())
            programs = site.programs()
            self._start(supervisor, programs.pop("web"))
            self._start(supervisor, *programs.values())
            token = _first_link()
            self.stdout.write(f"Ready: {site.address()}  (sign in: {site.address()}first/{token})")
            self.stdout.flush()
            supervisor.watch()
        except Stopped:
            self.stderr.write("Stopping.")
        finally:
            _ignore_signals()
            supervisor.stop(within=site.WHOLE_STOP_SECONDS)

    def _start(self, supervisor: Supervisor, *services: Service, meanwhile: Callable[[], None] = nothing) -> None:
        if services:
            self.stderr.write(f"Starting {', '.join(service.name for service in services)}.")
        supervisor.start(*services, meanwhile=meanwhile)


def _load_code() -> None:
    """Load it. A signal is raised in the middle of somebody's module, or of a clean-up, which may swallow it."""
    site.load_code()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        raise Stopped


def _first_link() -> str:
    """The token of the link that signs the administrator in; leaves no connection: programs are forked later too."""
    try:
        return sign_in_link.issue(sign_in_link.prepare_admin(), by_terminal=True)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _signals() -> Any:
    """Turn SIGINT and SIGTERM into Stopped while the block runs."""
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    _ignore_signals()
    raise Stopped


def _ignore_signals() -> None:
    """Stopping has begun; a second Ctrl-C must not break it off halfway."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
