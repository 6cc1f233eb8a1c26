"""``manage.py build_index``: build or repair the vector indexes, with progress."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from retrieval.management.bars import Bars
from retrieval.models import Encoder
from retrieval.services.encoders import indexes
from retrieval.services.encoders.indexes import IndexReport, IndexState

LOOK_EVERY = 0.5


class Command(BaseCommand):
    """The terminal's way to the indexes."""

    help = "Build the vector index of every encoder that needs one, repair half-built ones, drop those of nobody."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--encoder", help="only the encoder of this name")
        parser.add_argument("--rebuild", action="store_true", help="build ready ones anew, after many deletions")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when something is to be done")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it, and print one line per encoder."""
        encoders = Encoder.objects.filter(name=options["encoder"]) if options["encoder"] else Encoder.objects.all()
        if options["encoder"] and not encoders:
            raise CommandError(f"There is no encoder named {options['encoder']!r}.")
        work = indexes.rebuild if options["rebuild"] else indexes.ensure
        reports = [indexes.report(each) if options["check"] else self._worked(work, each) for each in encoders]
        for report in reports:
            self.stdout.write(_line(report))
        if not options["check"]:
            for name in indexes.tidy():
                self.stdout.write(f"dropped {name}")
        if any(report.state in {IndexState.MISSING, IndexState.INVALID} for report in reports):
            raise CommandError("Some indexes are not ready; searches by them are exact, and slower.")

    def _worked(self, work: Any, encoder: Encoder) -> IndexReport:
        with _progress_bar(encoder.name):
            report: IndexReport = work(encoder)
        return report


def _line(report: IndexReport) -> str:
    return f"{report.encoder.name}: {report.state}, {report.vectors} vectors, {report.size / 2**20:.0f} MB"


@contextmanager
def _progress_bar(name: str) -> Iterator[None]:
    """Show how far the build is, asked from a connection of its own."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(name, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(name: str, done: threading.Event) -> None:
    with Bars(leave=False, unit="row") as bars:
        while not done.wait(LOOK_EVERY):
            now = indexes.progress()
            if now is not None:
                bars(f"{name}, {now.phase}", now.done, now.total)
    connection.close()
