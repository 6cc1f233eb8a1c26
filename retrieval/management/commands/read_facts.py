"""``manage.py read_facts``: read from files when, where and by what old pictures were taken."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.images import backfill, collections
from retrieval.services.images.backfill import Read


class Command(BaseCommand):
    """The terminal's way to it; run it once after an update from a version without these fields."""

    help = "Read moment, camera and place from the files of pictures of which none of them is known."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--collection", help="only the collection of this name or id")
        parser.add_argument("--after", type=UUID, help="go on behind the picture that a stopped run named")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it, and print how many said something; Ctrl-C keeps what was done and tells how to go on."""
        try:
            within = collections.named(options["collection"]) if options["collection"] else None
        except RetrievalError as error:
            raise CommandError(f"--collection: {error.message}") from error
        with Bars(quiet=options["verbosity"] == 0, unit=" pictures") as bars:
            self._read(backfill.read(within, after=options["after"]), bars=bars, total=backfill.count(within))

    def _read(self, found: Iterable[Read], *, bars: Bars, total: int) -> None:
        done, said, failed, last = 0, 0, 0, ""
        try:
            for one in found:
                done, said, failed, last = done + 1, said + one.changed, failed + one.failed, str(one.image)
                bars("", done, max(total, done), read=said, failed=failed)
        except KeyboardInterrupt as error:
            raise CommandError(f"Stopped. Go on with --after {last}.", returncode=130) from error
        self.stdout.write(f"{done} files read: {said} said something, {failed} could not be read.")
